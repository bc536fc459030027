export { describeTapContract, type OpenedSource, type TapContractOptions } from './tap-contract.ts';
