/** What differs between deployments. The API tells it at run time, so that one build serves every stage. */
import type { Config } from "../api/types";

let loading: Promise<Config> | undefined;

export function config(): Promise<Config> {
  loading ??= load().catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function load(): Promise<Config> {
  const reply = await fetch("/api/config");
  if (!reply.ok) throw new Error(`/api/config answers ${reply.status}`);
  return (await reply.json()) as Config;
}
