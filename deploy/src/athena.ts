import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { ENVELOPE_COLUMNS, PACK_PREFIX, packFolder } from '@pik/schema';

import { placeholder } from './template.ts';

/** The folder of the queries, one file each. */
export const QUERIES = join(import.meta.dirname, '../queries');

/** The first day with projected partitions; there was no kit before it. */
const FIRST_DAY = '2025-01-01';

/** Athena's own placeholders: their exclamation mark keeps CloudFormation from replacing them. */
const ATHENA_PARTITION = { stored_date: placeholder('!stored_date'), stored_hour: placeholder('!stored_hour') };

/** The raw log as an Athena table: columns like the envelope, partitions like the keys of packs. */
export function receiptsTable() {
  return {
    PartitionKeys: [
      { Name: 'stored_date', Type: 'string', Comment: 'the day on which the pack was stored, UTC' },
      { Name: 'stored_hour', Type: 'string', Comment: 'the hour in which the pack was stored, UTC' },
    ],
    Parameters: {
      classification: 'json',
      'projection.enabled': 'true',
      'projection.stored_date.type': 'date',
      'projection.stored_date.format': 'yyyy-MM-dd',
      // Packs are stored in UTC, and NOW is in the day that has just begun in the easternmost zone.
      'projection.stored_date.range': `${FIRST_DAY},NOW+1DAY`,
      'projection.stored_hour.type': 'integer',
      'projection.stored_hour.range': '0,23',
      'projection.stored_hour.digits': '2',
      'storage.location.template': { 'Fn::Sub': `s3://${placeholder('RawBucket')}/${packFolder(ATHENA_PARTITION)}` },
    },
    StorageDescriptor: {
      Columns: Object.entries(ENVELOPE_COLUMNS).map(([Name, { type, comment }]) => ({
        Name,
        Type: type,
        Comment: comment,
      })),
      InputFormat: 'org.apache.hadoop.mapred.TextInputFormat',
      OutputFormat: 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat',
      Location: { 'Fn::Sub': `s3://${placeholder('RawBucket')}/${PACK_PREFIX}` },
      SerdeInfo: { SerializationLibrary: 'org.openx.data.jsonserde.JsonSerDe' },
    },
  };
}

/** A query of the raw log. */
export interface Question {
  /** The name of its file, without extension. */
  readonly name: string;
  readonly sql: string;
  /** Its first comment. */
  readonly description: string;
}

/** The queries, by name. */
export function readQuestions(): Question[] {
  const files = readdirSync(QUERIES).filter((file) => file.endsWith('.sql'));
  return files.sort().map((file) => {
    const sql = readFileSync(join(QUERIES, file), 'utf8').trimEnd();
    return { name: file.slice(0, -'.sql'.length), sql, description: /^-- (.*)$/m.exec(sql)?.[1] ?? '' };
  });
}

/** A named query of the template. */
export function namedQuery({ name, sql, description }: Question) {
  return {
    Type: 'AWS::Athena::NamedQuery',
    Properties: {
      Name: name,
      Description: description,
      Database: { Ref: 'Database' },
      WorkGroup: { Ref: 'Queries' },
      QueryString: sql,
    },
  };
}
