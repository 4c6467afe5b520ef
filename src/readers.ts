// The entry "neural-fm/readers": tables from CSV files and JSON lines.

export type { LabelColumn } from "./readers/columns-builder.ts";
export { type CSVOptions, readCSV } from "./readers/csv.ts";
export type { CSVValue } from "./readers/csv-block.ts";
export { type JSONValue, readJSONL } from "./readers/jsonl.ts";
export type { ReaderOptions } from "./readers/reader-options.ts";
export type { TableContent, TableSource } from "./readers/source.ts";
export type { TableColumns, TableReader, TableRow, TableRows } from "./readers/table-reader.ts";
