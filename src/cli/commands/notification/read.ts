// `standby notification read`
import { notificationRoutes } from '../../../contract/notification/route.ts';
import { defineCommand } from '../../command.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';

export const command = defineCommand({
  name: 'notification read',
  summary: 'mark what you are told as read: one notification, or all',
  arguments: {
    id: { summary: 'its id, from `standby notification list`; all, if left out', optional: true },
  },
  options: {},
  run: async (context, { id }) => {
    const client = await connect(context);
    const { body } = await (id === undefined
      ? client.call(notificationRoutes.readNotifications, {})
      : client.call(notificationRoutes.readNotification, { params: { notification: id } }));
    answer(context, body, ({ read }) =>
      read === 1 ? 'Marked 1 notification as read.\n' : `Marked ${read} notifications as read.\n`,
    );
    return 0;
  },
});
