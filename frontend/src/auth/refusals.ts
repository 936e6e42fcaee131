/** Cognito's errors in words for people. */
import { asRefusal, offline, Refusal } from "../api/problem";

type Words = readonly [message: string, hint: string];

const WORDS: Record<string, Words> = {
  NotAuthorizedException: ["Email or password is wrong.", "Try again, or choose a new password."],
  UserNotFoundException: ["Email or password is wrong.", "Try again, or create an account."],
  UsernameExistsException: ["There is an account with this email already.", "Sign in instead."],
  CodeMismatchException: ["The code is not the one in the mail.", "Compare it with the newest mail."],
  ExpiredCodeException: ["The code is too old.", "Have a new one sent."],
  InvalidPasswordException: [
    "The password is too weak.",
    "It needs 12 characters, among them a capital letter, a small one and a digit.",
  ],
  InvalidParameterException: ["Something in the form is not right.", "Check the email and the password."],
  LimitExceededException: ["There were too many attempts.", "Wait a while, then try again."],
  TooManyRequestsException: ["There were too many attempts.", "Wait a while, then try again."],
  TooManyFailedAttemptsException: ["There were too many attempts.", "Wait a while, then try again."],
  PasswordResetRequiredException: ["A new password is needed.", "Choose one with “Forgotten password”."],
  UserNotConfirmedException: ["Your email is not confirmed yet.", "Enter the code from the mail."],
};

export function refusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  const name = error instanceof Error ? error.name : "";
  const words = WORDS[name];
  if (words) return new Refusal("unauthorized", ...words);
  if (name === "NetworkError" || error instanceof TypeError) return offline();
  return asRefusal(error);
}
