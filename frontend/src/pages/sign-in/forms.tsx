import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { auth, onLaptop } from "../../auth/session";
import { Button } from "../../ui/Button";
import { Field } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import { toast } from "../../ui/Toast";
import { useTask } from "../../ui/useTask";
import type { StepProps } from "./SignIn";

// The user pool's own rule, so that a password is judged before it is sent.
const STRONG = /^(?=.*[a-z])(?=.*[A-Z])(?=.*\d).{12,}$/;
const RULE = "At least 12 characters, with a capital letter, a small letter and a digit.";
const weak = (password: string) => (password && !STRONG.test(password) ? RULE : undefined);

export function SignInForm({ email, onEmail, onStep, onNext }: StepProps) {
  const [password, setPassword] = useState("");
  const { busy, problem, run } = useTask();
  const demo = useTask();
  return (
    <Form
      title="Sign in"
      problem={problem ?? demo.problem}
      onSubmit={() => run(async () => onNext(await auth.signIn(email, password), password))}
    >
      <Email value={email} onValue={onEmail} />
      <Password value={password} onValue={setPassword} autocomplete="current-password" />
      <Submit busy={busy}>Sign in</Submit>
      {onLaptop.value && (
        <Button busy={demo.busy} onClick={() => void demo.run(auth.demoUser)}>
          Continue as the demo user
        </Button>
      )}
      <p class="sign-in-links">
        <Switch to="sign-up" onStep={onStep}>
          Create an account
        </Switch>
        <Switch to="forgot" onStep={onStep}>
          Forgotten password
        </Switch>
      </p>
    </Form>
  );
}

export function SignUpForm({ email, onEmail, onStep }: StepProps) {
  const [password, setPassword] = useState("");
  const { busy, problem, run } = useTask();
  return (
    <Form
      title="Create an account"
      problem={problem}
      onSubmit={() => {
        if (weak(password)) return;
        void run(async () => {
          await auth.signUp(email, password);
          onStep({ at: "confirm", password });
        });
      }}
    >
      <Email value={email} onValue={onEmail} />
      <Password value={password} onValue={setPassword} autocomplete="new-password" chosen />
      <Submit busy={busy}>Create the account</Submit>
      <p class="sign-in-links">
        <Switch to="sign-in" onStep={onStep}>
          I have an account
        </Switch>
      </p>
    </Form>
  );
}

export function Confirm({ email, password, onStep, onNext }: StepProps & { password: string }) {
  const [code, setCode] = useState("");
  const { busy, problem, run } = useTask();
  return (
    <Form
      title="Confirm your email"
      problem={problem}
      onSubmit={() =>
        run(async () => {
          await auth.confirm(email, code);
          if (password) onNext(await auth.signIn(email, password), password);
          else onStep({ at: "sign-in" });
        })
      }
    >
      <p>
        We have sent a code to <strong>{email}</strong>.
        <LocalMail />
      </p>
      <Code value={code} onValue={setCode} />
      <Submit busy={busy}>Confirm</Submit>
      <p class="sign-in-links">
        <Resend send={() => auth.resend(email)} />
        <Switch to="sign-in" onStep={onStep}>
          Back
        </Switch>
      </p>
    </Form>
  );
}

export function Forgot({ email, onEmail, onStep }: StepProps) {
  const { busy, problem, run } = useTask();
  return (
    <Form
      title="Forgotten password"
      problem={problem}
      onSubmit={() =>
        run(async () => {
          await auth.forgot(email);
          onStep({ at: "reset" });
        })
      }
    >
      <p>We send you a code, with which you choose a new one.</p>
      <Email value={email} onValue={onEmail} />
      <Submit busy={busy}>Send the code</Submit>
      <p class="sign-in-links">
        <Switch to="sign-in" onStep={onStep}>
          Back
        </Switch>
      </p>
    </Form>
  );
}

export function Reset({ email, onStep, onNext }: StepProps) {
  const [code, setCode] = useState("");
  const [password, setPassword] = useState("");
  const { busy, problem, run } = useTask();
  return (
    <Form
      title="Choose a new password"
      problem={problem}
      onSubmit={() => {
        if (weak(password)) return;
        void run(async () => {
          await auth.reset(email, code, password);
          onNext(await auth.signIn(email, password), password);
        });
      }}
    >
      <p>
        If there is an account for <strong>{email}</strong>, a code is on its way.
        <LocalMail />
      </p>
      <Code value={code} onValue={setCode} />
      <Password value={password} onValue={setPassword} autocomplete="new-password" chosen />
      <Submit busy={busy}>Save and sign in</Submit>
      <p class="sign-in-links">
        <Resend send={() => auth.forgot(email)} />
        <Switch to="sign-in" onStep={onStep}>
          Back
        </Switch>
      </p>
    </Form>
  );
}

export function NewPassword({ onNext }: StepProps) {
  const [password, setPassword] = useState("");
  const { busy, problem, run } = useTask();
  return (
    <Form
      title="Choose your password"
      problem={problem}
      onSubmit={() => {
        if (weak(password)) return;
        void run(async () => onNext(await auth.newPassword(password), password));
      }}
    >
      <p>Your first password was for one use only.</p>
      <Password value={password} onValue={setPassword} autocomplete="new-password" chosen />
      <Submit busy={busy}>Save and sign in</Submit>
    </Form>
  );
}

interface FormProps {
  title: string;
  problem: { message: string; hint: string } | null;
  onSubmit: () => void;
  children: ComponentChildren;
}

function Form({ title, problem, onSubmit, children }: FormProps) {
  const form = useRef<HTMLFormElement>(null);
  // Each step replaces the one before it, and the keyboard goes along; the first does not steal the focus.
  useEffect(() => {
    if (title !== "Sign in") form.current?.querySelector("input")?.focus();
  }, []);
  return (
    <form
      ref={form}
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
    >
      <h2>{title}</h2>
      {problem && <Notice kind="bad" title={problem.message} hint={problem.hint} />}
      {children}
    </form>
  );
}

interface InputProps {
  value: string;
  onValue: (value: string) => void;
}

function Email({ value, onValue }: InputProps) {
  return (
    <Field
      label="Email"
      type="email"
      autocomplete="username"
      required
      value={value}
      onValue={(it) => onValue(it.trim())}
    />
  );
}

function Password({
  value,
  onValue,
  autocomplete,
  chosen,
}: InputProps & { autocomplete: string; chosen?: boolean }) {
  const rule = chosen
    ? { hint: RULE, error: value.length >= 12 ? weak(value) : undefined, minLength: 12 }
    : {};
  return (
    <Field
      label="Password"
      type="password"
      autocomplete={autocomplete}
      required
      {...{ value, onValue, ...rule }}
    />
  );
}

function Code({ value, onValue }: InputProps) {
  return (
    <Field
      label="Code"
      inputMode="numeric"
      autocomplete="one-time-code"
      required
      maxLength={12}
      value={value}
      onValue={(it) => onValue(it.trim())}
    />
  );
}

function Submit({ busy, children }: { busy: boolean; children: string }) {
  return (
    <Button kind="primary" type="submit" busy={busy}>
      {children}
    </Button>
  );
}

function Switch({
  to,
  onStep,
  children,
}: {
  to: "sign-in" | "sign-up" | "forgot";
  onStep: StepProps["onStep"];
  children: string;
}) {
  return (
    <button type="button" class="button-link" onClick={() => onStep({ at: to })}>
      {children}
    </button>
  );
}

function Resend({ send }: { send: () => Promise<unknown> }) {
  const { problem, run } = useTask();
  return (
    <>
      <button
        type="button"
        class="button-link"
        onClick={() =>
          void run(async () => {
            await send();
            toast("A new code is on its way.");
          })
        }
      >
        Send another code
      </button>
      {problem && <span role="alert">{problem.message}</span>}
    </>
  );
}

/** The laptop cloud delivers no mail; it shows what it would have sent. */
function LocalMail() {
  if (!onLaptop.value) return null;
  return (
    <>
      {" "}
      On this laptop mails are{" "}
      <a href="/mail" target="_blank" rel="noreferrer">
        shown here
      </a>
      .
    </>
  );
}
