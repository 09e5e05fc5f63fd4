/**
 * Whether rows were just added before the first one, so that the list holds its place by its end
 * for this one rendering. Recognised by the first key alone.
 */
import { useEffect, useState } from 'react';

export function usePrepending(firstKey: string | null): boolean {
  const [settledKey, setSettledKey] = useState(firstKey);
  const prepending = settledKey !== null && firstKey !== settledKey;

  useEffect(() => {
    setSettledKey(firstKey);
  }, [firstKey]);

  return prepending;
}
