export function New() {
  return <h1 class="page-title">New model</h1>;
}
