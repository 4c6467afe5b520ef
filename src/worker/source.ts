// The program of the training thread as text. The build puts it here: see `trainingProgram` in
// tsup.config.ts. So no bundler and no web server has to know about it.

declare const NEURAL_FM_TRAINING_PROGRAM: string | undefined;

/** The text; null where the sources were bundled without it. */
export const TRAINING_SOURCE: string | null =
  typeof NEURAL_FM_TRAINING_PROGRAM === "string" ? NEURAL_FM_TRAINING_PROGRAM : null;
