import { ROUTES, type Route, type RouteName, scopesOf } from '@pik/schema';
import { describe, expect, it } from 'vitest';

import { routesPage, routesText } from './home.ts';
import { openApi, openApiText } from './openapi.ts';

const document = openApi() as {
  openapi: string;
  paths: Record<
    string,
    Record<
      string,
      {
        operationId: string;
        security: { key: string[] }[];
        parameters: { name: string; in: string; schema: unknown }[];
        responses: Record<string, { content: Record<string, { schema?: unknown }> }>;
        requestBody?: { content: object };
      }
    >
  >;
  components: { schemas: object };
};

describe('the OpenAPI document', () => {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );

  it('has each route once, with its scope', () => {
    expect(document.openapi).toBe('3.1.0');
    expect(operations.map(({ operation }) => operation.operationId).sort()).toEqual(Object.keys(ROUTES).sort());
    for (const { path, method, operation } of operations) {
      const route = (ROUTES as Record<string, Route>)[operation.operationId] as Route;
      expect([method.toUpperCase(), path.replace(/\{(\w+)\}/g, ':$1')]).toEqual([route.method, route.path]);
      expect(operation.security).toEqual(
        route.scope === null ? [] : [{ key: scopesOf(operation.operationId as RouteName) }],
      );
    }
  });

  it('declares every parameter of every path, and each name once', () => {
    for (const { path, operation } of operations) {
      const names = operation.parameters.map(({ name }) => name);
      expect(new Set(names).size).toBe(names.length);
      const inPath = operation.parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => `{${name}}`);
      expect(path.match(/\{\w+\}/g) ?? []).toEqual(inPath);
    }
  });

  it('has a schema wherever the route has one', () => {
    for (const { operation } of operations) {
      const route = (ROUTES as Record<string, Route>)[operation.operationId] as Route;
      const hasBody = route.body !== undefined && Object.keys(route.bodyFields ?? { event: 1 }).length > 0;
      expect(operation.requestBody !== undefined).toBe(hasBody);
      if (route.response !== undefined)
        expect(operation.responses['200']?.content['application/json']?.schema).toBeTypeOf('object');
      expect(Object.keys(operation.responses['200']?.content ?? {}).length).toBeGreaterThan(0);
    }
  });

  it('refers to nothing that is not in it', () => {
    const references = [...openApiText().matchAll(/"\$ref":"([^"]+)"/g)].map(([, reference]) => reference as string);
    expect(new Set(references)).toEqual(new Set(['#/components/schemas/Problem']));
    expect(document.components.schemas).toHaveProperty('Problem');
    expect(JSON.parse(openApiText())).toEqual(document);
  });
});

describe('the list of routes', () => {
  it('names every route, as a page and as text, and runs nothing', () => {
    for (const { method, path, summary } of Object.values(ROUTES) as Route[]) {
      expect(routesText()).toMatch(new RegExp(`^${method} +${path.replaceAll(/[.]/g, '\\.')} `, 'm'));
      expect(routesText()).toContain(summary);
      expect(routesPage()).toContain(path);
      expect(routesPage()).toContain(summary.replaceAll("'", '&#39;'));
    }
    expect(routesPage()).not.toMatch(/<script|<style|\son\w+=|javascript:|&lt;tr/i);
  });
});
