// SPDX-License-Identifier: GPL-2.0-or-later
// Check documents (a JSON list on standard input) against the published API schema.
const kinds = {
  ConfigMap: require('kubernetes-models/v1').ConfigMap,
  DaemonSet: require('kubernetes-models/apps/v1').DaemonSet,
};
for (const one of JSON.parse(require('fs').readFileSync(0, 'utf8'))) {
  try {
    new kinds[one.kind](one).validate();
  } catch (error) {
    console.log(`${one.kind}: ${error.message}`);
    process.exitCode = 1;
  }
}
