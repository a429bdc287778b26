// The same with the types that openapi-typescript generates, around nothing but fetch.

import createClient from 'openapi-fetch';
import type { paths as Projects } from './generated/types/projects';
import type { paths as Timeline } from './generated/types/timeline';
import { found, header, run, told } from './program';

const headers = { Authorization: `Bearer ${told('MILEPOST_TOKEN')}` };
const client = createClient<Projects>({ baseUrl: told('MILEPOST_PROJECTS_URL'), headers });
const timeline = createClient<Timeline>({ baseUrl: told('MILEPOST_TIMELINE_URL'), headers });

run(async () => {
  const project = found(await client.POST('/v1/projects', { body: { name: 'New data center' } }));
  const planned = await client.POST('/v1/milestones', {
    body: { project_id: project.project_id, name: 'Go live', target_on: '2027-01-31' },
  });
  const path = { milestone_id: found(planned).milestone_id };
  const seen = { 'If-Match': header(planned, 'ETag') };
  const committed = await client.POST('/v1/milestones/{milestone_id}/commit', {
    params: { path, header: seen },
    body: {},
  });
  const reforecast = '/v1/milestones/{milestone_id}/reforecast';
  const conflict = await client.POST(reforecast, {
    params: { path, header: seen },
    body: { forecast_on: '2027-03-15', reason: 'The racks come late.' },
  });
  const changed = await client.POST(reforecast, {
    params: { path, header: { 'If-Match': header(committed, 'ETag') } },
    body: { forecast_on: '2027-03-15', reason: 'The racks come late.', caused_by: [{ cause_class: 'external' }] },
  });
  const history = found(
    await timeline.GET('/v1/timeline/milestones/{milestone_id}/history', {
      params: {
        path,
        query: { min_position: Number(header(changed, 'Milepost-Position')) },
        header: { Prefer: 'wait=5' },
      },
    }),
  );
  return {
    versions: [found(planned).version, found(committed).version, found(changed).version],
    conflict: [conflict.response.status, conflict.error?.code, conflict.error?.current_version],
    baselines: history.baselines.map((each) => each.on),
    forecasts: history.forecasts.map((each) => each.on),
    changes: history.changes.map((each) => each.type),
  };
});
