export function History() {
  return <h1 class="page-title">Your photos</h1>;
}
