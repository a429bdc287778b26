// Create, change, conflict, read the history: with the client that @hey-api/openapi-ts generates.

import { createClient } from './generated/projects/client';
import { commitMilestone, planMilestone, proposeProject, reforecastMilestone } from './generated/projects';
import { createClient as createTimelineClient } from './generated/timeline/client';
import { getMilestoneHistory } from './generated/timeline';
import { found, header, run, told } from './program';

const auth = told('MILEPOST_TOKEN');
const client = createClient({ baseUrl: told('MILEPOST_PROJECTS_URL'), auth });
const timeline = createTimelineClient({ baseUrl: told('MILEPOST_TIMELINE_URL'), auth });

run(async () => {
  const project = found(await proposeProject({ client, body: { name: 'New data center' } }));
  const planned = await planMilestone({
    client,
    body: { project_id: project.project_id, name: 'Go live', target_on: '2027-01-31' },
    headers: { 'Idempotency-Key': `plan ${project.project_id}` },
  });
  const path = { milestone_id: found(planned).milestone_id };
  const seen = header(planned, 'ETag');
  const committed = await commitMilestone({ client, path, body: {}, headers: { 'If-Match': seen } });
  const conflict = await reforecastMilestone({
    client,
    path,
    body: { forecast_on: '2027-03-15', reason: 'The racks come late.' },
    headers: { 'If-Match': seen },
  });
  const changed = await reforecastMilestone({
    client,
    path,
    body: { forecast_on: '2027-03-15', reason: 'The racks come late.', caused_by: [{ cause_class: 'external' }] },
    headers: { 'If-Match': header(committed, 'ETag') },
  });
  const history = found(
    await getMilestoneHistory({
      client: timeline,
      path,
      query: { min_position: Number(header(changed, 'Milepost-Position')) },
      headers: { Prefer: 'wait=5' },
    }),
  );
  return {
    versions: [found(planned).version, found(committed).version, found(changed).version],
    conflict: [conflict.response?.status, conflict.error?.code, conflict.error?.current_version],
    baselines: history.baselines.map((each) => each.on),
    forecasts: history.forecasts.map((each) => each.on),
    changes: history.changes.map((each) => each.type),
  };
});
