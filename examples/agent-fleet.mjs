// A fleet of agents: each task is done in a fresh workspace, a few at a time.
//   npm install standby
//   STANDBY_URL=http://127.0.0.1:7850 STANDBY_TOKEN=sbt_… node agent-fleet.mjs TASK …
import { createStandby } from 'standby/client';

const AT_ONCE = 4;
const TEMPLATE = 'hello';

const { STANDBY_URL: url = 'http://127.0.0.1:7850', STANDBY_TOKEN: token } = process.env;
const standby = createStandby({ url, token });
const tasks = process.argv.slice(2);

/** What an agent does in its workspace; here it only looks at the page that the workspace serves. */
async function perform(task, { url: page }) {
  const text = await (await fetch(page)).text();
  return `${task}: ${text.trim().split('\n')[0]}`;
}

/** Takes one task after the other, each in a workspace that nobody has used before. */
async function work() {
  for (let task = tasks.shift(); task !== undefined; task = tasks.shift()) {
    try {
      const result = await standby.withWorkspace(
        // None that is ready yet is no reason to build one: the pool is on it, in the order of the line.
        { template: TEMPLATE, on_empty: 'wait', ttl_seconds: 3_600 },
        ({ workspace }) => perform(task, workspace.outputs),
      );
      console.log(result);
    } catch (error) {
      // The others go on, and give their workspaces back.
      console.error(`${task}: ${error.message}`);
      process.exitCode = 1;
    }
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, work));
