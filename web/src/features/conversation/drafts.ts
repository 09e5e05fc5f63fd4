/** What is typed in each room and not sent yet; kept by the app while the page is open, never stored. */
export type Drafts = Map<string, string>;
