/** Who is signed in. Amplify keeps the tokens in localStorage and renews them; passwords never leave the page. */
import { signal } from "@preact/signals";
import { Amplify } from "aws-amplify";
import {
  confirmResetPassword,
  confirmSignIn,
  confirmSignUp,
  fetchAuthSession,
  resendSignUpCode,
  resetPassword,
  signIn,
  signOut,
  signUp,
} from "aws-amplify/auth";

import { offline, Refusal } from "../api/problem";
import { config } from "../app/config";
import { forget } from "./kept";
import { refusal } from "./refusals";

export interface Person {
  email: string;
}

/** undefined as long as nobody knows. */
export const person = signal<Person | null | undefined>(undefined);

/** What is still to be done before a person is signed in. */
export type Next = "signed-in" | "confirm-sign-up" | "new-password";

/** Whether this is the laptop cloud, which has a demo user. */
export const onLaptop = signal(false);

export async function start(): Promise<void> {
  const { user_pool_id, client_id, cognito_endpoint } = await config();
  onLaptop.value = cognito_endpoint !== undefined;
  const Cognito = {
    userPoolId: user_pool_id,
    userPoolClientId: client_id,
    ...(cognito_endpoint && { userPoolEndpoint: cognito_endpoint }),
  };
  Amplify.configure({ Auth: { Cognito } });
  // Another tab signed out, or in as somebody else: nothing of the last person may stay in this one.
  addEventListener("storage", ({ key }) => {
    if (person.value && (key === null || key.endsWith(".LastAuthUser"))) location.reload();
  });
  await recognise();
}

/** An ID token that the API accepts. Whoever has none any more is asked to sign in again. */
export async function idToken({ renew = false } = {}): Promise<string> {
  const { tokens } = await fetchAuthSession({ forceRefresh: renew }).catch((error: unknown) => {
    throw refusal(error);
  });
  if (tokens?.idToken) return tokens.idToken.toString();
  if (!navigator.onLine) throw offline();
  person.value = null;
  throw new Refusal("unauthorized", "You are not signed in any more.", "Sign in again.", 401);
}

export const auth = {
  signIn: (email: string, password: string) =>
    told(async (): Promise<Next> => {
      const { nextStep } = await signIn({ username: email, password }).catch(async (error: unknown) => {
        if ((error as Error).name !== "UserAlreadyAuthenticatedException") throw error;
        await signOut();
        return signIn({ username: email, password });
      });
      return next(nextStep.signInStep);
    }),

  newPassword: (password: string) =>
    told(async (): Promise<Next> =>
      next((await confirmSignIn({ challengeResponse: password })).nextStep.signInStep),
    ),

  signUp: (email: string, password: string) =>
    told(() => signUp({ username: email, password, options: { userAttributes: { email } } })),

  confirm: (email: string, code: string) =>
    told(() => confirmSignUp({ username: email, confirmationCode: code })),

  resend: (email: string) => told(() => resendSignUpCode({ username: email })),

  forgot: (email: string) => told(() => resetPassword({ username: email })),

  reset: (email: string, code: string, password: string) =>
    told(() => confirmResetPassword({ username: email, confirmationCode: code, newPassword: password })),

  signOut: () =>
    told(async () => {
      // The browser forgets the tokens even where Cognito cannot be told to revoke them.
      await signOut().catch(() => undefined);
      await forget().catch(() => undefined); // a browser that stores nothing has nothing to forget
      person.value = null;
    }),

  /** The laptop cloud hands its demo user's password to its own page only. */
  demoUser: () =>
    told(async (): Promise<Next> => {
      const reply = await fetch("/local/demo-user");
      if (!reply.ok) throw offline();
      const { email, password } = (await reply.json()) as { email: string; password: string };
      return auth.signIn(email, password);
    }),
};

async function next(step: string): Promise<Next> {
  switch (step) {
    case "DONE":
      await recognise();
      return "signed-in";
    case "CONFIRM_SIGN_UP":
      return "confirm-sign-up";
    case "CONFIRM_SIGN_IN_WITH_NEW_PASSWORD_REQUIRED":
      return "new-password";
    default:
      throw new Refusal(
        "unauthorized",
        "Your account wants a step of signing in that this page does not know.",
        "Ask whoever runs Gen3D for you.",
      );
  }
}

async function recognise(): Promise<void> {
  const { tokens } = await fetchAuthSession();
  const email = tokens?.idToken?.payload["email"];
  person.value = tokens?.idToken ? { email: typeof email === "string" ? email : "" } : null;
}

async function told<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw refusal(error);
  }
}
