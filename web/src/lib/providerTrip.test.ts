// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { currentTrip, forgetTrip, returnPath, settleTrip, takeOutcome } from './providerTrip';

beforeEach(() => history.replaceState(null, '', '/'));
afterEach(forgetTrip);

function comeBackTo(address: string): void {
  history.replaceState(null, '', address);
  takeOutcome();
}

describe('what a provider’s sign-in came to', () => {
  it('is taken out of the address, which stays as it is otherwise', () => {
    comeBackTo('/r/7?a=b&sign-in=returned&sign-in=cancelled#here');
    expect(location.pathname + location.search + location.hash).toBe('/r/7?a=b#here');
    expect(currentTrip()).toEqual({ outcome: 'cancelled', signedIn: null });
    comeBackTo('/join?sign-in=returned');
    expect(location.pathname + location.search).toBe('/join');
    expect(currentTrip()?.outcome).toBe('returned');
  });

  it('is nothing where the address says nothing, or something unknown', () => {
    comeBackTo('/?other=1');
    expect(currentTrip()).toBeNull();
    expect(location.search).toBe('?other=1');
    comeBackTo('/?sign-in=%3Cb%3E');
    expect(currentTrip()).toBeNull();
    expect(location.search).toBe('');
  });

  it('is forgotten once somebody is signed in, and lost when nobody is', () => {
    comeBackTo('/?sign-in=returned');
    settleTrip(true);
    expect(currentTrip()).toBeNull();
    comeBackTo('/?sign-in=returned');
    settleTrip(false);
    expect(currentTrip()).toEqual({ outcome: 'lost', signedIn: false });
  });

  it('keeps who was signed in when it came', () => {
    comeBackTo('/?sign-in=returned&sign-in=link');
    settleTrip(true);
    expect(currentTrip()).toEqual({ outcome: 'link', signedIn: true });
  });
});

it.each([
  ['/', '/'],
  ['/join', '/join'],
  ['/r/7', '/r/7'],
  ['/r/a%2Fb', '/r/a%2Fb'],
  // an address of somebody's making leads nowhere else
  ['//evil.example/x', '/'],
  ['/r/../../x', '/'],
  ['/%5Cevil.example', '/'],
])('from %s one comes back to %s', (address, path) => {
  history.replaceState(null, '', `${location.origin}${address}`);
  expect(returnPath()).toBe(`${path}?sign-in=returned`);
});
