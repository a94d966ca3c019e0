import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseManifest } from '../../src/contract/manifest/parse.ts';
import type { Manifest } from '../../src/contract/manifest/schema.ts';
import { runCommandLine } from '../support/command-line.ts';
import { readTree, writeTree } from '../support/folder-tree.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

/** Of the shape of those that come with Coder: containers, with a preset that has prebuilds. */
const CONTAINERS = `terraform {
  required_providers {
    coder  = { source = "coder/coder" }
    docker = { source = "kreuzwerker/docker" }
  }
}

locals {
  username = data.coder_workspace_owner.me.name
  zone     = "Europe/Berlin"
}

variable "docker_socket" {
  default     = ""
  description = "(Optional) Docker socket URI"
  type        = string
}

provider "docker" {
  host = var.docker_socket != "" ? var.docker_socket : null
}

data "coder_provisioner" "me" {}
data "coder_workspace" "me" {}
data "coder_workspace_owner" "me" {}

data "coder_parameter" "image" {
  name         = "image"
  display_name = "Container image"
  description  = <<-EOT
    What the workspace is made from.
  EOT
  default = "go"
  icon    = "/icon/docker.png"
  order   = 1
  option {
    name  = "Go"
    value = "go"
    icon  = "/icon/go.svg"
  }
  option {
    name  = "Node.js"
    value = "node"
  }
}

data "coder_parameter" "cpus" {
  name    = "cpus"
  type    = "number"
  default = 2 # enough for most
  mutable = true
  validation {
    min = 1
    max = 8
  }
}

data "coder_parameter" "dotfiles" {
  name    = "dotfiles_uri"
  default = ""
}

data "coder_workspace_preset" "go" {
  name        = "Go: Large"
  description = "For the backend"
  default     = true
  icon        = "/icon/go.svg"
  parameters = {
    (data.coder_parameter.image.name) = "go"
    "cpus"                            = "8"
    dotfiles_uri                      = "https://example.com/\${local.username}"
  }
  prebuilds {
    instances = 2
    expiration_policy {
      ttl = 86400 // a day
    }
    scheduling {
      timezone = local.zone
      schedule {
        cron      = "* 8-18 * * 1-5"
        instances = 5
      }
      schedule {
        cron      = "* 8-14 * * 6"
        instances = 0
      }
    }
  }
}

data "coder_workspace_preset" "small" {
  name       = "small"
  parameters = { image = "node", cpus = 1 }
}

data "coder_workspace_tags" "tags" {
  tags = {
    cluster = "dev"
    owner   = data.coder_workspace_owner.me.name
  }
}

resource "coder_agent" "main" {
  arch           = data.coder_provisioner.me.arch
  os             = "linux"
  startup_script = <<-EOT
    set -e
    echo "} it runs"
  EOT
}

module "code-server" {
  source   = "registry.coder.com/coder/code-server/coder"
  agent_id = coder_agent.main.id
}

resource "docker_container" "workspace" {
  count = data.coder_workspace.me.start_count
  image = "dev-\${data.coder_parameter.image.value}"
}
`;

const NOTES = `main.tf:3: provider coder/coder: take it out with the last of its blocks
main.tf:23: coder_provisioner "me": name what the daemon needs in \`tags\`
main.tf:24: coder_workspace "me": use the variables standby_workspace_id, standby_name, standby_start_count and standby_is_prebuild
main.tf:25: coder_workspace_owner "me": use the variables standby_owner and standby_owner_email
main.tf:27: parameter image: declare variable "image" { type = string } and write var.image for data.coder_parameter.image.value
main.tf:29: parameter image: display_name, icon, order: Standby shows the name and the description
main.tf:36: parameter image: names, icons and descriptions of its options: people choose by value
main.tf:47: parameter cpus: declare variable "cpus" { type = number } and write var.cpus for data.coder_parameter.cpus.value
main.tf:52: parameter cpus: its validation: let the variable have one (\`validation\` in Terraform), or list \`options\`
main.tf:58: parameter dotfiles_uri: declare variable "dotfiles_uri" { type = string } and write var.dotfiles_uri for data.coder_parameter.dotfiles.value
main.tf:64: preset "Go: Large": it is called go-large here
main.tf:67: preset "Go: Large": icon: Standby shows the name and the description
main.tf:68: preset "Go: Large": the value of dotfiles_uri is computed: write it out
main.tf:97: coder_workspace_tags: tags that are computed; those of Standby are the template’s
main.tf:104: coder_agent "main": name the agent in \`agents\` of standby.yaml, its startup_script as a file; see docs/agent.md
main.tf:113: module "code-server" is made for Coder: install what it does by a script
`;

/** Of a cloud: what can be chosen is computed, and so is much else. */
const CLOUD = `variable "project_id" {
  description = "Set at the push"
}
locals {
  regions = { "us" = { name = "US" }, "eu" = { name = "EU" } }
}
data "coder_parameter" "region" {
  name = "region"
  dynamic "option" {
    for_each = local.regions
    content {
      name  = option.value.name
      value = option.key
    }
  }
}
data "coder_parameter" "ides" {
  name      = "IDEs to install"
  type      = "list(string)"
  form_type = "multi-select"
  default   = jsonencode(["code", "vim"])
}
data "coder_parameter" "disk" {
  count   = var.project_id == "x" ? 1 : 0
  name    = "disk"
  type    = "number"
  default = local.sizes[0]
}
data "coder_workspace_preset" "each" {
  for_each = local.regions
  name     = each.key
}
data "coder_workspace_preset" "pool" {
  name = "pool"
  parameters = { "IDEs to install" = jsonencode([]) }
  prebuilds {
    instances = 1
    expiration_policy {
      ttl = 5
    }
  }
}
data "coder_workspace_preset" "again" {
  name = "Pool"
  prebuilds {
    instances = data.coder_parameter.disk.value
  }
}
resource "coder_external_thing" "x" {}
`;

async function importFrom(files: Readonly<Record<string, string>>, ...more: readonly string[]) {
  await using temporary = await makeTemporaryFolder();
  const folder = join(temporary.path, 'dev');
  await writeTree(folder, files);
  const { status, out, err } = await runCommandLine('template', 'import-coder', folder, ...more);
  const written = await readFile(join(folder, 'standby.yaml'), 'utf8').catch(() => undefined);
  return {
    status,
    out: out.replaceAll(`${folder}/`, ''),
    err,
    written,
    tree: await readTree(folder),
  };
}

function valid(text: string | undefined): Manifest {
  const parsed = parseManifest(text ?? '');
  if (parsed.kind === 'invalid') throw new Error(JSON.stringify(parsed.issues));
  return parsed.manifest;
}

describe('standby template import-coder', () => {
  it('carries over parameters, presets, pools and tags, and names the rest by line', async () => {
    const { status, out, written } = await importFrom({ 'main.tf': CONTAINERS });
    expect(status).toBe(0);
    expect(out).toBe(
      `standby.yaml is written: 3 parameters, 2 presets, 1 pool.\n\nNot carried over:\n${NOTES}`,
    );
    expect(written).toMatchInlineSnapshot(`
      "# From a Coder template, by \`standby template import-coder\`.
      name: dev
      driver: terraform
      parameters:
        - name: image
          description: What the workspace is made from.
          default: go
          options:
            - go
            - node
        - name: cpus
          type: number
          default: "2"
          mutable: true
        - name: dotfiles_uri
          default: ""
      presets:
        - name: go-large
          description: For the backend
          default: true
          parameters:
            image: go
            cpus: "8"
          prebuilds:
            instances: 2
            ttl: 1d
            scheduling:
              timezone: Europe/Berlin
              schedules:
                - cron: "* 8-18 * * 1-5"
                  instances: 5
                - cron: "* 8-14 * * 6"
                  instances: 0
        - name: small
          parameters:
            image: node
            cpus: "1"
      tags:
        cluster: dev
      "
    `);
    expect(valid(written)).toMatchObject({
      name: 'dev',
      driver: 'terraform',
      parameters: [
        { name: 'image', default: 'go', options: ['go', 'node'], mutable: false },
        { name: 'cpus', type: 'number', default: '2', mutable: true },
        { name: 'dotfiles_uri', default: '' },
      ],
      presets: [
        {
          name: 'go-large',
          default: true,
          parameters: { image: 'go', cpus: '8' },
          prebuilds: {
            instances: 2,
            ttl_seconds: 86_400,
            scheduling: {
              timezone: 'Europe/Berlin',
              schedules: [
                { cron: '* 8-18 * * 1-5', instances: 5 },
                { cron: '* 8-14 * * 6', instances: 0 },
              ],
            },
          },
        },
        { name: 'small', parameters: { image: 'node', cpus: '1' }, prebuilds: null },
      ],
      tags: { cluster: 'dev' },
    });
  });

  it('guesses nothing that is computed, and says what a push would refuse', async () => {
    const { status, out, written } = await importFrom({ 'main.tf': CLOUD }, '--name', 'cloud');
    expect(status).toBe(0);
    expect(written).toMatchInlineSnapshot(`
      "# From a Coder template, by \`standby template import-coder\`.
      name: cloud
      driver: terraform
      parameters:
        - name: region
        - name: IDEs_to_install
          default: '["code","vim"]'
        - name: disk
          type: number
      presets:
        - name: pool
          parameters:
            IDEs_to_install: "[]"
          prebuilds:
            instances: 1
            ttl: 1m
        - name: pool-2
          description: Pool
      "
    `);
    expect(out).toMatchInlineSnapshot(`
      "standby.yaml is written: 3 parameters, 2 presets, 1 pool.

      Not carried over:
      main.tf:1: variable "project_id" has no default: add one, or a parameter of its name to standby.yaml
      main.tf:7: parameter region: declare variable "region" { type = string } and write var.region for data.coder_parameter.region.value
      main.tf:9: parameter region: option blocks that are computed: any value is allowed
      main.tf:17: parameter IDEs_to_install: declare variable "IDEs_to_install" { type = string } and write var.IDEs_to_install for data.coder_parameter.ides.value
      main.tf:18: parameter IDEs_to_install: it was called "IDEs to install" at Coder
      main.tf:19: parameter IDEs_to_install: its type is list(string): its values are texts, for the module to decode (jsondecode)
      main.tf:20: parameter IDEs_to_install: form_type: Standby shows the name and the description
      main.tf:23: parameter disk: declare variable "disk" { type = number } and write var.disk for data.coder_parameter.disk.value
      main.tf:24: parameter disk: count: it is there always, whatever others say
      main.tf:27: parameter disk: its default is computed: without one, each preset and request must give a value
      main.tf:30: preset "each": it is computed, one or many: write out each that you want
      main.tf:38: preset "pool": a ttl of 5 s is too short: it is 1m here
      main.tf:44: preset "Pool": it is called pool-2 here
      main.tf:45: preset "Pool": prebuilds: how many is computed, so there is no pool; write \`prebuilds: {instances: …}\`
      main.tf:49: coder_external_thing "x": Standby has nothing of the kind

      To be mended before a push:
      standby.yaml:12:5: preset "pool": the parameter "region" (string) needs a value: it has no default (PARAMETER_MISSING)
      standby.yaml:12:5: preset "pool": the parameter "disk" (number) needs a value: it has no default (PARAMETER_MISSING)
      standby.yaml:17:5: preset "pool-2": the parameter "region" (string) needs a value: it has no default (PARAMETER_MISSING)
      standby.yaml:17:5: preset "pool-2": the parameter "disk" (number) needs a value: it has no default (PARAMETER_MISSING)
      "
    `);
  });

  it('gives up on what nobody would write, and says so like of all that is computed', async () => {
    const doubled = Array.from(
      { length: 19 },
      (_, at) => `  a${at + 1} = [local.a${at}, local.a${at}]\n`,
    );
    const text = `locals {
  a0 = "x"
${doubled.join('')}}
data "coder_parameter" "p" {
  description = local.a19
  default     = ${'('.repeat(20_000)}"x"${')'.repeat(20_000)}
}
`;
    const { status, out, err } = await importFrom({ 'main.tf': text });
    expect([status, err]).toEqual([0, '']);
    expect(out).toContain('parameter p: its description is computed');
    expect(out).toContain('parameter p: its default is computed');
  });

  it('answers programs, and writes nothing with --dry-run', async () => {
    const files = { 'main.tf': CONTAINERS, 'more.tf.json': '{}' };
    const { out, tree } = await importFrom(files, '--dry-run', '--json');
    expect(Object.keys(tree)).toEqual(['main.tf', 'more.tf.json']);
    const answer = JSON.parse(out) as { manifest: string; notes: unknown[] };
    expect(answer).toMatchObject({
      written: false,
      issues: [],
      presets: [{ name: 'go-large' }, { name: 'small' }],
    });
    expect(valid(answer.manifest).name).toBe('dev');
    expect(answer.notes.at(-1)).toEqual({
      ...{ file: 'more.tf.json', line: 1, message: 'it was not read: only *.tf is' },
    });
    const shown = await importFrom(files, '--dry-run');
    expect(shown.out.startsWith(answer.manifest)).toBe(true);
  });

  it.each([
    [{ 'main.tf': CONTAINERS, 'standby.yaml': 'mine' }, 'FILE_EXISTS', 73],
    [{ 'main.tf': 'data "coder_parameter" "x" {\n' }, 'HCL_INVALID', 65],
    [{ 'main.tf': 'locals {\n'.repeat(20_000) }, 'HCL_INVALID', 65],
    [{ 'main.tf': 'resource "x" "y" {}\n' }, 'HCL_INVALID', 65],
    [{ 'README.md': '' }, 'HCL_INVALID', 65],
  ])('refuses what it cannot do, and changes nothing: %#', async (files, code, status) => {
    const refused = await importFrom(files);
    expect(refused).toMatchObject({
      status,
      out: '',
      err: expect.stringContaining(code) as string,
    });
    expect(Object.keys(refused.tree)).toEqual(Object.keys(files));
    if ('standby.yaml' in files) expect(refused.written).toBe('mine');
  });

  it('ends where names stand for each other', async () => {
    const loop = `locals {\n  a = local.b\n  b = local.a\n}\ndata "coder_parameter" "x" {\n  name = "x"\n  default = local.a\n}\n`;
    const { written } = await importFrom({ 'main.tf': loop });
    expect(valid(written).parameters).toMatchObject([{ name: 'x', default: null }]);
  });
});
