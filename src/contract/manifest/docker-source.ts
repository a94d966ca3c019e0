// What may stand under `docker` in standby.yaml.
import { z } from 'zod';
import {
  commandField,
  cpusField,
  environmentField,
  folderPathField,
  memoryField,
  plainTextField,
  recordField,
} from './source-field.ts';

/**
 * Without the scheme of an id: an image of the engine is named, never pointed at. And without `..`,
 * because the name becomes part of paths of the engine's API.
 */
const IMAGE =
  /^(?!sha256:)(?:[a-z0-9]+(?:[.-]+[a-z0-9]+)*(?::\d{1,5})?\/)?[a-z0-9]+(?:(?:__|[._]|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:__|[._]|-+)[a-z0-9]+)*)*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/;
const IMAGE_RULE =
  'must be the name of an image, such as debian:12 or registry.example.com/team/dev:1.4';
/** What daemons build, however its name is written: it goes with the template that it was built for. */
const BUILT_IMAGE = /^(?:(?:index\.)?docker\.io\/)?(?:library\/)?standby-template(?![a-z0-9])/;
const BUILT_IMAGE_RULE = 'must not be an image that a daemon has built: use `build`';
const PORT_RULE = 'must be a port from 1 to 65535';
/** A path that says where it is: nothing of it goes up, or nowhere. */
const MOUNT_POINT = /^(\/(?!\.{1,2}(\/|$))[^/:,\\\p{Cc}]+)+$/u;
const MOUNT_POINT_RULE = 'must be an absolute path in the container, such as /home/dev';
const VOLUME_NAME = /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/;
const VOLUME_NAME_RULE = 'must be 1 to 32 lower-case letters, digits and inner hyphens';
const NETWORK = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;

/** The least that the engine allows. */
const MIN_MEMORY_BYTES = 6 * 1024 ** 2;

export const dockerSource = z
  .strictObject({
    image: z
      .string()
      .max(500)
      .regex(IMAGE, IMAGE_RULE)
      .refine((image) => !BUILT_IMAGE.test(image), BUILT_IMAGE_RULE)
      .optional()
      .meta({ description: 'Pulled where the engine does not have it' }),
    build: folderPathField
      .optional()
      .meta({ description: 'A Dockerfile of the folder, which is its context' }),
    command: commandField("What runs in the container; without it the image's own").optional(),
    environment: environmentField,
    ports: z
      .array(z.int(PORT_RULE).min(1, PORT_RULE).max(65_535, PORT_RULE))
      .max(16)
      .prefault([])
      .meta({ description: 'What to publish; the first one is the workspace’s own' }),
    volumes: recordField(
      z.string().regex(VOLUME_NAME, VOLUME_NAME_RULE),
      z.string().max(255).regex(MOUNT_POINT, MOUNT_POINT_RULE),
      16,
    )
      .prefault({})
      .meta({ description: 'Names, and where in the container: kept until the delete' }),
    limits: z
      .strictObject({
        memory: memoryField(MIN_MEMORY_BYTES).optional(),
        cpus: cpusField.optional(),
        processes: z.int().min(1).max(4_194_304).default(4_096),
      })
      .prefault({}),
    network: plainTextField(128)
      .pipe(z.string().regex(NETWORK, 'must be the name of a network'))
      .prefault('bridge')
      .meta({ description: 'bridge, none, or one that the daemon’s settings allow' }),
  })
  .refine(
    ({ image, build }) => (image === undefined) !== (build === undefined),
    'must have exactly one of image and build',
  );
