/**
 * Every field that the screen reads is one that the server's OpenAPI document describes: `tsc` fails here otherwise.
 * The shapes of `contract.ts` are narrower (words instead of text), which the document cannot say.
 */
import type * as ours from './contract';
import type * as failed from './failed';
import type * as stored from './stored';
import type { components } from './generated/schema';

type Wire = components['schemas'];

/** Fields of `Ours` that `Theirs` lacks: must be none. */
type Unknown<Ours, Theirs> = Exclude<keyof Ours, keyof Theirs>;
type Known<T extends never> = T;

export type Checked = [
  Known<Unknown<ours.QueueStatus, Wire['QueueStatus']>>,
  Known<Unknown<ours.QueueDetail, Wire['QueueDetail']>>,
  Known<Unknown<ours.LiveQueue, Wire['Queue']>>,
  Known<Unknown<ours.Row, Wire['Row']>>,
  Known<Unknown<ours.Verdict, Wire['Verdict']>>,
  Known<Unknown<ours.Overview, Wire['Overview']>>,
  Known<Unknown<ours.LatencyHistogram, Wire['LatencyHistogram']>>,
  Known<Unknown<ours.Worker, Wire['Worker']>>,
  Known<Unknown<ours.Source, Wire['Source']>>,
  Known<Unknown<ours.SourceCheck, Wire['Check']>>,
  Known<Unknown<ours.VigieEvent, Wire['Event']>>,
  Known<Unknown<ours.ActiveJob, Wire['ActiveJob']>>,
  Known<Unknown<failed.FailedJobs, Wire['FailedJobs']>>,
  Known<Unknown<failed.FailedJob, Wire['FailedJob']>>,
  Known<Unknown<ours.JobType, Wire['JobType']>>,
  Known<Unknown<ours.Stat, Wire['Stat']>>,
  Known<Unknown<ours.Totals, Wire['Totals']>>,
  Known<Unknown<ours.History, Wire['History']>>,
  Known<Unknown<stored.StoredHistory, Wire['History']>>,
  Known<Unknown<stored.HeatMap, Wire['HeatMap']>>,
  Known<Unknown<stored.FunctionHelp, Wire['PromqlFunction']>>,
  Known<Unknown<ours.Sparks, Wire['Sparks']>>,
  Known<Unknown<ours.Problem, Wire['Problem']>>,
  Known<Unknown<ours.paths, import('./generated/schema').paths>>,
];
