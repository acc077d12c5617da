// SPDX-License-Identifier: GPL-2.0-or-later
// node types.js BOARD.json OUT.ts: the board as a TypeScript literal, and the options of each panel
// as those of its kind, for the compiler to judge. A name that the schema lacks is an error.
const fs = require('node:fs');

const [, , boardPath, outPath] = process.argv;
const board = JSON.parse(fs.readFileSync(boardPath, 'utf8'));
const kinds = {
  bargauge: ['bargauge/panelcfg/x/BarGaugePanelCfg_types.gen', false],
  stat: ['stat/panelcfg/x/StatPanelCfg_types.gen', false],
  timeseries: ['timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen', true],
};

const text = (value) => JSON.stringify(value, null, 1);
const lines = ["import type { Dashboard } from '@grafana/schema';"];
for (const [kind, [file]] of Object.entries(kinds)) {
  lines.push(`import type * as ${kind} from '@grafana/schema/dist/esm/raw/composable/${file}';`);
}
// JSON has the values of enums and not their names.
lines.push(
  'type Json<T> = T extends string ? `${T}` : T extends (infer U)[] ? Json<U>[]',
  '  : T extends object ? { [K in keyof T]: Json<T[K]> } : T;',
  `export const board: Json<Partial<Dashboard>> = ${text(board)};`,
);
for (const panel of board.panels) {
  if (panel.type === 'row') continue;
  if (!kinds[panel.type]) throw new Error(`panel ${panel.id}: nobody checks ${panel.type}`);
  lines.push(`export const options${Number(panel.id)}: Json<${panel.type}.Options> = ${text(panel.options)};`);
  if (kinds[panel.type][1]) {
    const { custom } = panel.fieldConfig.defaults;
    lines.push(`export const custom${Number(panel.id)}: Json<${panel.type}.FieldConfig> = ${text(custom)};`);
  }
}
fs.writeFileSync(outPath, `${lines.join('\n')}\n`);
