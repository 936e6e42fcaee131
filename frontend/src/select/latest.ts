/**
 * Work of which only the newest counts. One piece at a time is done; of what waits with the same key the newer
 * replaces the older, which then is `undefined`. What has the key that yields waits for all the others.
 */
export class Latest<Key> {
  private readonly waiting = new Map<Key, { work: () => Promise<unknown>; drop: () => void }>();
  private busy = false;

  constructor(private readonly yields: Key) {}

  run<T>(key: Key, work: () => Promise<T>): Promise<T | undefined> {
    this.drop(key);
    return new Promise((resolve, reject) => {
      this.waiting.set(key, {
        work: () => work().then(resolve, reject),
        drop: () => resolve(undefined),
      });
      void this.next();
    });
  }

  drop(key: Key): void {
    this.waiting.get(key)?.drop();
    this.waiting.delete(key);
  }

  private async next(): Promise<void> {
    if (this.busy) return;
    const keys = [...this.waiting.keys()];
    const key = keys.find((it) => it !== this.yields) ?? keys[0];
    const chosen = key === undefined ? undefined : this.waiting.get(key);
    if (key === undefined || !chosen) return;
    this.waiting.delete(key);
    this.busy = true;
    await chosen.work();
    this.busy = false;
    void this.next();
  }
}
