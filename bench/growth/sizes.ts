import type { BenchDatabase } from '../harness/database.js'

export interface RelationSize { relation: string, rows: number, tableBytes: number, indexBytes: number }

/** What the tables take on disk, the largest first; partitions of the audit log together. Rows as they were counted at the last `analyze`. */
export async function readSizes ({ admin }: BenchDatabase): Promise<RelationSize[]> {
  const { rows } = await admin.query<RelationSize>(
    `select case when c.relname like 'audit_log%' then 'audit_log' else c.relname end as relation,
            sum(greatest(c.reltuples, 0))::float8 as rows, sum(pg_table_size(c.oid))::float8 as "tableBytes", sum(pg_indexes_size(c.oid))::float8 as "indexBytes"
       from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
      group by 1 having sum(c.reltuples) > 100 order by sum(pg_total_relation_size(c.oid)) desc`)
  return rows
}
