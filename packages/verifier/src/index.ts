export { type CaseProof, type CaseVerdict, verifyCase } from './case.ts';
export { type ExportOptions, type Verdict, verifyExport } from './export.ts';
export { type Finding, STATUS } from './findings.ts';
export { parseKey, type VerifierKey } from './note.ts';
