export function App() {
  return <h1>Gen3D</h1>;
}
