// Routes about what the caller is told.
import { z } from 'zod';
import { idField, pageOf, pageQuery } from '../field.ts';
import { route } from '../route.ts';
import { notificationView, readAnswer } from './schema.ts';

export const notificationRoutes = {
  listNotifications: route({
    id: 'listNotifications',
    method: 'get',
    path: '/api/v1/notifications',
    audience: 'person',
    summary: "The caller's notifications, newest first",
    query: z.object({
      ...pageQuery,
      unread: z
        .enum(['true', 'false'])
        .optional()
        .meta({ description: 'true: only those that were not read yet' }),
    }),
    answers: { 200: pageOf(notificationView) },
    errors: [],
  }),
  readNotification: route({
    id: 'readNotification',
    method: 'post',
    path: '/api/v1/notifications/{notification}/read',
    audience: 'person',
    summary: 'Mark a notification as read',
    params: z.object({ notification: idField }),
    answers: { 200: readAnswer },
    errors: ['NOT_FOUND'],
  }),
  readNotifications: route({
    id: 'readNotifications',
    method: 'post',
    path: '/api/v1/notifications/read',
    audience: 'person',
    summary: "Mark all of the caller's notifications as read",
    answers: { 200: readAnswer },
    errors: [],
  }),
} as const;
