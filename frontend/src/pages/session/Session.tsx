export function Session(_: { sessionId: string; jobId?: string }) {
  return <h1 class="page-title">Photo</h1>;
}
