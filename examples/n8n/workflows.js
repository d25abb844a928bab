// The workflows that the example runs: one that ends well, one that fails, one that waits, one that a schedule starts.

const webhook = (path, answers) => ({
  id: `${path}-start`,
  name: 'Webhook',
  type: 'n8n-nodes-base.webhook',
  typeVersion: 2,
  position: [0, 0],
  webhookId: `vigie-${path}`,
  parameters: { path, httpMethod: 'POST', responseMode: answers, options: {} },
});

const then = (id, name, type, typeVersion, parameters, more = {}) => ({
  id,
  name,
  type: `n8n-nodes-base.${type}`,
  typeVersion,
  position: [220, 0],
  parameters,
  ...more,
});

const workflow = (name, first, second) => ({
  name,
  nodes: [first, second],
  connections: { [first.name]: { main: [[{ node: second.name, type: 'main', index: 0 }]] } },
  settings: { executionOrder: 'v1', saveDataSuccessExecution: 'all', saveDataErrorExecution: 'all' },
});

const nothing = (id) => then(id, 'Nothing', 'noOp', 1, {});

/** By the path of their webhook; `schedule` has none. `every`: seconds between two runs of that one. */
export const workflows = (every) => ({
  ok: workflow('Ends well', webhook('ok', 'onReceived'), nothing('ok-end')),
  fail: workflow(
    'Fails on purpose',
    webhook('fail', 'onReceived'),
    then('fail-end', 'Stop and Error', 'stopAndError', 1, { errorMessage: 'deliberate failure' }),
  ),
  wait: workflow(
    'Waits for 2 s',
    webhook('wait', 'onReceived'),
    then('wait-end', 'Wait', 'wait', 1.1, { amount: 2, unit: 'seconds' }, { webhookId: 'vigie-wait-on' }),
  ),
  schedule: workflow(
    'By schedule',
    {
      ...then('schedule-start', 'Schedule', 'scheduleTrigger', 1.2, {
        rule: { interval: [{ field: 'seconds', secondsInterval: every }] },
      }),
      position: [0, 0],
    },
    nothing('schedule-end'),
  ),
});
