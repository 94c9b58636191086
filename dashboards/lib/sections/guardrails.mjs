// What must not get worse.

import { ever, of } from '../data.mjs';
import { empty, panels, section } from '../parts.mjs';
import { noLeads } from './pipeline.mjs';

const names = ['contacted', 'not contacted'];

const small = [
  { metrics: ['complaint_rate'] },
  { metrics: ['not_interested_rate'], definition: 'Leads that said so, of those contacted first in the week.' },
  { metrics: ['false_positive_rate'] },
  { metrics: ['utilisation'] },
  { metrics: ['open_load'] },
  { metrics: ['self_serve_conversion'] },
  { metrics: ['self_serve_change'],
    definition: 'Against trials of the same kind that started in the 90 days before routing did.' },
  { metrics: ['retention_30_contacted', 'retention_30_not_contacted'], names, title: '30-day retention',
    definition: 'Who paid, and used the product in the week that ended 30 days later.' },
  { metrics: ['retention_90_contacted', 'retention_90_not_contacted'], names, title: '90-day retention',
    definition: 'Who paid, and used the product in the week that ended 90 days later.' },
];

const ofSurveys = [
  { metrics: ['nps_contacted', 'nps_not_contacted'], names, title: 'NPS',
    definition: 'Share of 9 and 10 less share of 0 to 6, in points.' },
  { metrics: ['nps_gap'], definition: 'How much higher it is of those contacted.' },
  { metrics: ['csat_gap'] },
];

export const guardrails = (data) => {
  const intro = 'What must not get worse while sales write to users. Lines show the target, what is needed at least ' +
    '(or at most), and where somebody has to act.';
  if (data.guardrails.length === 0) {
    return section('guardrails', 'Guardrails', intro, noLeads(data));
  }
  const isSurveyed = ofSurveys.flatMap((p) => p.metrics).some((metric) => ever(of(data, 'guardrails', metric)));
  return section('guardrails', 'Guardrails', intro,
    panels(data, 'guardrails', isSurveyed ? [...small, ...ofSurveys] : small),
    !isSurveyed && empty('No surveys are connected, so nothing tells whether those contacted are as content as others:',
      'SELECT * FROM pql.connect(\'surveys\', \'app.nps\',\n' +
      '\tmapping => \'{"user_id": "uid", "answered_at": "at", "kind": "kind", "score": "score"}\');'));
};
