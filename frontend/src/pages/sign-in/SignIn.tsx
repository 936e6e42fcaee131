import { useState } from "preact/hooks";

import type { Next } from "../../auth/session";
import { Confirm, Forgot, NewPassword, Reset, SignInForm, SignUpForm } from "./forms";
import "./sign-in.css";

/** `password` waits in memory only, so that a confirmed account is signed in at once. */
export type Step =
  | { at: "sign-in" }
  | { at: "sign-up" }
  | { at: "confirm"; password: string }
  | { at: "forgot" }
  | { at: "reset" }
  | { at: "new-password" };

export interface StepProps {
  email: string;
  onEmail: (email: string) => void;
  onStep: (step: Step) => void;
  /** After Cognito's answer to a password. */
  onNext: (next: Next, password: string) => void;
}

export function SignIn() {
  const [email, setEmail] = useState("");
  const [step, setStep] = useState<Step>({ at: "sign-in" });

  function onNext(next: Next, password: string): void {
    if (next === "confirm-sign-up") setStep({ at: "confirm", password });
    if (next === "new-password") setStep({ at: "new-password" });
  }

  const shared = { email, onEmail: setEmail, onStep: setStep, onNext };
  return (
    <div class="sign-in">
      <section class="sign-in-pitch" aria-labelledby="pitch">
        <h1 id="pitch">Turn a photo into a 3D model</h1>
        <ol class="sign-in-steps">
          <li>Take or choose a photo.</li>
          <li>Click the object that you want.</li>
          <li>Turn it, measure it, download it.</li>
        </ol>
      </section>
      <section class="sign-in-card">
        {step.at === "sign-in" && <SignInForm {...shared} />}
        {step.at === "sign-up" && <SignUpForm {...shared} />}
        {step.at === "confirm" && <Confirm {...shared} password={step.password} />}
        {step.at === "forgot" && <Forgot {...shared} />}
        {step.at === "reset" && <Reset {...shared} />}
        {step.at === "new-password" && <NewPassword {...shared} />}
      </section>
    </div>
  );
}
