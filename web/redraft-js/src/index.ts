/** redraft-js: solves with models that `redraft export` wrote, in a browser or in Node. */

export { GuessTree, guesses, type Guess } from "./guesses.js";
export { Model, ModelError, type Description, type Habits, type Run, type Runtime, type State } from "./model.js";
export { Notation, PuzzleError } from "./notation.js";
export { MAZE, MazeRules, SudokuRules, boxOf, rulesOf, type Rules, type Verdict } from "./rules.js";
export { Solver, load, probabilities, type Answer, type Draft, type Options } from "./solver.js";
