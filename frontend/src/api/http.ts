/** Requests to the API: signed in, repeated where that is safe, refusals as errors with code and hint. */
import { idToken } from "../auth/session";
import { online, pause } from "./online";
import { offline, Refusal } from "./problem";
import type { Problem } from "./types";

type Method = "GET" | "POST" | "PATCH" | "DELETE";

const ATTEMPTS = 4;
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 60_000;
// A gateway's answer in place of the API's: the request may or may not have arrived.
const GATEWAY = new Set([502, 503, 504]);

/** key: of what is wanted, by which the API knows it again, however often it is asked for. */
export async function request<T>(method: Method, path: string, body?: object, key?: string): Promise<T> {
  // A POST whose answer got lost has done its work, and without a key would do it twice.
  const repeatable = method !== "POST" || key !== undefined;
  for (let attempt = 1; ; attempt++) {
    await online();
    const reply = await send(method, path, body, key, attempt > 1).catch((error: unknown) => {
      if (error instanceof Refusal) throw error;
      return undefined; // fetch itself failed: no network
    });
    if (reply?.ok) return (await reply.json()) as T;
    const refused = reply?.status === 429 || reply?.status === 401;
    const lost = !reply || GATEWAY.has(reply.status);
    if (attempt >= ATTEMPTS || !(refused || (lost && repeatable)) || (reply?.status === 401 && attempt > 1)) {
      throw reply ? await refusal(reply) : offline();
    }
    const asked = Number(reply?.headers.get("Retry-After") ?? 0) * 1000;
    if (reply?.status !== 401) await pause(Math.min(asked || FIRST_PAUSE * 2 ** attempt, LONGEST_PAUSE));
  }
}

async function send(
  method: Method,
  path: string,
  body: object | undefined,
  key: string | undefined,
  again: boolean,
): Promise<Response> {
  return fetch(`/api${path}`, {
    method,
    headers: {
      Authorization: await idToken({ renew: again }),
      ...(body && { "Content-Type": "application/json" }),
      ...(key && { "Idempotency-Key": key }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
}

/** The API's refusal; or one of ours, where what answered was not the API. */
async function refusal(reply: Response): Promise<Refusal> {
  const told = (await reply.json().catch(() => ({}))) as Partial<Problem>;
  if (told.code && told.message) return new Refusal(told.code, told.message, told.hint ?? "", reply.status);
  if (reply.status === 401)
    return new Refusal("unauthorized", "You are not signed in.", "Sign in again.", 401);
  return new Refusal(
    "service_unavailable",
    "Gen3D does not answer as it should.",
    "Try again in a moment.",
    reply.status,
  );
}
