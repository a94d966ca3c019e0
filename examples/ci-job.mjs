// A CI job with a workspace of its own, which is given back however the job ends.
//   npm install standby
//   STANDBY_URL=http://127.0.0.1:7850 STANDBY_TOKEN=sbt_… node ci-job.mjs [TEMPLATE]
import { createStandby } from 'standby/client';

const [template = 'hello'] = process.argv.slice(2);
const { STANDBY_URL: url = 'http://127.0.0.1:7850', STANDBY_TOKEN: token } = process.env;
const standby = createStandby({ url, token });

// A job that is canceled gives its workspace back, too.
const canceled = new AbortController();
const { signal } = canceled;
for (const name of ['SIGINT', 'SIGTERM']) {
  process.once(name, () => canceled.abort(new Error(`the job was canceled by ${name}`)));
}

await standby.withWorkspace(
  {
    template,
    on_empty: 'wait',
    wait_timeout_seconds: 600,
    // Stops what a job leaves behind that dies without a word.
    ttl_seconds: 3_600,
  },
  async ({ workspace }) => {
    console.log(`testing against ${workspace.name} at ${workspace.outputs.url}`);
    const answer = await fetch(workspace.outputs.url, { signal });
    console.log(await answer.text());
    if (!answer.ok) throw new Error(`it answered with HTTP ${answer.status}`);
  },
  {
    signal,
    onWaiting: ({ position, eta_seconds: eta }) =>
      console.log(`number ${position} in line${eta === null ? '' : `, about ${eta} s`}`),
  },
);
console.log('passed');
