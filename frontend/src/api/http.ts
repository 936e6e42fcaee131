/** Requests to the API: signed in, repeated where that is safe, refusals as errors with code and hint. */
import { idToken } from "../auth/session";
import { heard } from "./clock";
import { online, pause } from "./online";
import { cancelled, offline, Refusal, unavailable } from "./problem";
import type { Problem } from "./types";

type Method = "GET" | "POST" | "PATCH" | "DELETE";

export interface RequestOptions {
  /** Of what is wanted, by which the API knows it again, however often it is asked for. */
  key?: string;
  /** Ends the repeats. An answer that is on its way is awaited: it tells what was done. */
  signal?: AbortSignal | undefined;
}

const ATTEMPTS = 4;
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 60_000;
// A gateway's answer in place of the API's: the request may or may not have arrived.
const GATEWAY = new Set([502, 503, 504]);

/** What the API answers; undefined where it answers nothing. Throws Refusal. */
export async function request<T>(
  method: Method,
  path: string,
  body?: object,
  { key, signal }: RequestOptions = {},
): Promise<T> {
  // A POST whose answer got lost has done its work, and without a key would do it twice.
  const repeatable = method !== "POST" || key !== undefined;
  for (let attempt = 1; ; attempt++) {
    await online();
    if (signal?.aborted) throw cancelled();
    let reply: Response | undefined;
    try {
      const answer = await send(method, path, body, key, attempt > 1);
      heard(answer.headers.get("Date"));
      if (answer.ok) return (answer.status === 204 ? undefined : await answer.json()) as T;
      reply = answer;
    } catch (error) {
      if (error instanceof Refusal) throw error;
      // No network, or none any more in the middle of the answer.
    }
    const refused = reply?.status === 429 || reply?.status === 401;
    const lost = !reply || GATEWAY.has(reply.status);
    if (attempt >= ATTEMPTS || !(refused || (lost && repeatable)) || (reply?.status === 401 && attempt > 1)) {
      throw reply ? await refusal(reply) : offline();
    }
    const asked = Number(reply?.headers.get("Retry-After") ?? 0) * 1000;
    if (reply?.status !== 401)
      await pause(Math.min(asked || FIRST_PAUSE * 2 ** attempt, LONGEST_PAUSE), signal);
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
  return unavailable(reply.status);
}
