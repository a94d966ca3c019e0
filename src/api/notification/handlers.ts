// Handlers of the routes about what the caller is told. Everybody sees their own, and no others'.
import { AppError } from '../../base/app-error.ts';
import { formatInstant } from '../../base/clock.ts';
import type { AnnouncementId } from '../../base/id.ts';
import type { notificationRoutes } from '../../contract/notification/route.ts';
import type { NotificationView } from '../../contract/notification/schema.ts';
import {
  listNotifications,
  readAllNotifications,
  readNotification,
  type NotificationRow,
} from '../../store/announcement.ts';
import type { Database } from '../../store/database.ts';
import type { Handlers } from '../handler.ts';
import { idCursor, pageOf, rowsToRead } from '../page.ts';

export function createNotificationHandlers({
  database,
}: {
  readonly database: Database;
}): Handlers<keyof typeof notificationRoutes> {
  return {
    listNotifications: async ({ caller, query }) => {
      const rows = await listNotifications.all(database, {
        userId: caller.userId,
        unreadOnly: query.unread === 'true',
        before: idCursor<AnnouncementId>(query),
        limit: rowsToRead(query),
      });
      return { status: 200, body: pageOf(query, rows, { view: toView, key: ({ id }) => id }) };
    },
    readNotification: async ({ caller, params }) => {
      const { notification: id } = params;
      const { known, unread } = await readNotification.one(database, {
        userId: caller.userId,
        id: id as AnnouncementId,
      });
      if (!known) throw new AppError('NOT_FOUND', `there is no notification ${id}`);
      return { status: 200, body: { read: unread } };
    },
    readNotifications: async ({ caller }) => {
      const unread = await readAllNotifications.run(database, { userId: caller.userId });
      return { status: 200, body: { read: unread } };
    },
  };
}

function toView({
  id,
  kind,
  organization,
  details,
  createdAt,
  readAt,
}: NotificationRow): NotificationView {
  const { template, version, preset, resources, claim } = details;
  return {
    id,
    kind,
    organization,
    template,
    version,
    preset,
    resources: resources.map((one) => ({ ...one, paths: [...one.paths] })),
    claim:
      claim === undefined
        ? null
        : {
            workspace: claim.workspace,
            workspace_id: claim.workspaceId,
            build: claim.build,
            claimant: claim.claimant,
          },
    created_at: formatInstant(createdAt),
    read_at: readAt === null ? null : formatInstant(readAt),
  };
}
