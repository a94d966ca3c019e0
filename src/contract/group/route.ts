// Routes about the groups of an organization.
import { z } from 'zod';
import { nameField, pageOf, pageQuery } from '../field.ts';
import { route } from '../route.ts';
import { changeGroupBody, createGroupBody, groupDetail, groupView } from './schema.ts';

const organizationParams = z.object({ organization: nameField });
const groupParams = organizationParams.extend({ group: nameField });
const memberParams = groupParams.extend({ username: nameField });

export const groupRoutes = {
  listGroups: route({
    id: 'listGroups',
    method: 'get',
    path: '/api/v1/organizations/{organization}/groups',
    audience: 'person',
    summary: 'The groups of an organization, by name',
    params: organizationParams,
    query: z.object(pageQuery),
    answers: { 200: pageOf(groupView) },
    errors: ['NOT_FOUND'],
  }),
  createGroup: route({
    id: 'createGroup',
    method: 'post',
    path: '/api/v1/organizations/{organization}/groups',
    audience: 'person',
    summary: 'Make a group with nobody in it (administrators)',
    params: organizationParams,
    body: createGroupBody,
    answers: { 201: groupDetail },
    errors: ['FORBIDDEN', 'NOT_FOUND', 'NAME_TAKEN'],
  }),
  getGroup: route({
    id: 'getGroup',
    method: 'get',
    path: '/api/v1/organizations/{organization}/groups/{group}',
    audience: 'person',
    summary: 'A group and who is in it',
    params: groupParams,
    answers: { 200: groupDetail },
    errors: ['NOT_FOUND'],
  }),
  changeGroup: route({
    id: 'changeGroup',
    method: 'patch',
    path: '/api/v1/organizations/{organization}/groups/{group}',
    audience: 'person',
    summary: 'Change what a group allows, or how it is called (administrators)',
    params: groupParams,
    body: changeGroupBody,
    answers: { 200: groupDetail },
    errors: ['FORBIDDEN', 'NOT_FOUND'],
  }),
  deleteGroup: route({
    id: 'deleteGroup',
    method: 'delete',
    path: '/api/v1/organizations/{organization}/groups/{group}',
    audience: 'person',
    summary: 'Delete a group; those in it stay in the organization (administrators)',
    params: groupParams,
    answers: { 204: null },
    errors: ['FORBIDDEN', 'NOT_FOUND'],
  }),
  addGroupMember: route({
    id: 'addGroupMember',
    method: 'put',
    path: '/api/v1/organizations/{organization}/groups/{group}/members/{username}',
    audience: 'person',
    summary: 'Put a member of the organization into a group (administrators)',
    params: memberParams,
    answers: { 200: groupDetail },
    errors: ['FORBIDDEN', 'NOT_FOUND'],
  }),
  removeGroupMember: route({
    id: 'removeGroupMember',
    method: 'delete',
    path: '/api/v1/organizations/{organization}/groups/{group}/members/{username}',
    audience: 'person',
    summary: 'Take somebody out of a group (administrators)',
    params: memberParams,
    answers: { 200: groupDetail },
    errors: ['FORBIDDEN', 'NOT_FOUND'],
  }),
} as const;
