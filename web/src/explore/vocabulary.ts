import type { FunctionHelp } from '../api/stored.ts';

const AGGREGATIONS = 'sum avg min max count group stddev stdvar topk bottomk quantile count_values limitk limit_ratio';
const FUNCTIONS =
  'abs absent absent_over_time acos acosh asin asinh atan atanh avg_over_time ceil changes clamp clamp_max clamp_min cos cosh count_over_time ' +
  'day_of_month day_of_week day_of_year days_in_month deg delta deriv exp floor histogram_avg histogram_count histogram_fraction histogram_quantile ' +
  'histogram_stddev histogram_stdvar histogram_sum hour idelta increase info irate label_join label_replace last_over_time ln log10 log2 mad_over_time ' +
  'max_over_time min_over_time minute month pi predict_linear present_over_time quantile_over_time rad rate resets round scalar sgn sin sinh sort ' +
  'sort_by_label sort_by_label_desc sort_desc sqrt stddev_over_time stdvar_over_time sum_over_time tan tanh time timestamp vector year';
const MODIFIERS = 'by without on ignoring group_left group_right offset bool';
const OPERATORS = 'and or unless atan2';

const all = (names: string, kind: FunctionHelp['kind']): FunctionHelp[] => names.split(' ').map((name) => ({ name, kind, signature: '', help: '' }));

/** The words of the language without their help, for when the server does not tell them. */
export const BUILT_IN: readonly FunctionHelp[] = [...all(AGGREGATIONS, 'aggregation'), ...all(FUNCTIONS, 'function'), ...all(MODIFIERS, 'modifier'), ...all(OPERATORS, 'keyword')];

export const GROUPING: ReadonlySet<string> = new Set(['by', 'without', 'on', 'ignoring', 'group_left', 'group_right']);
export const WORDS: ReadonlySet<string> = new Set(`${MODIFIERS} ${OPERATORS}`.split(' '));
export const AGGREGATION_NAMES: ReadonlySet<string> = new Set(AGGREGATIONS.split(' '));

const LOG_RANGES =
  'rate rate_counter count_over_time bytes_rate bytes_over_time sum_over_time avg_over_time min_over_time max_over_time stddev_over_time stdvar_over_time ' +
  'quantile_over_time first_over_time last_over_time absent_over_time';
const LOG_AGGREGATIONS = 'sum avg min max count stddev stdvar topk bottomk sort sort_desc';
const STAGE_NAMES = 'json logfmt regexp pattern unpack line_format label_format decolorize drop keep unwrap';

/** What may stand behind a `|` of LogQL. */
export const STAGES: ReadonlySet<string> = new Set(STAGE_NAMES.split(' '));
/** Those of them that names of labels follow. */
export const NAMING_STAGES: ReadonlySet<string> = new Set(['drop', 'keep', 'label_format', 'unwrap']);

/** Those that are explained, by `explore.logql.` and their name in the catalogue. */
export const LOG_EXPLAINED: ReadonlySet<string> = new Set(`${LOG_RANGES} ${STAGE_NAMES}`.split(' '));

/** The words of LogQL. */
export const LOG_OPERANDS: readonly FunctionHelp[] = [...all(LOG_AGGREGATIONS, 'aggregation'), ...all(`${LOG_RANGES} vector label_replace`, 'function')];
export const LOG_STAGES: readonly FunctionHelp[] = all(STAGE_NAMES, 'keyword');
export const LOG_FOLLOWING: readonly FunctionHelp[] = [...all(MODIFIERS, 'modifier'), ...all('and or unless', 'keyword')];
