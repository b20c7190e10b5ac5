// Types of the libraries that are copied to vendor/ when the site is built.
declare module "*/vendor/uPlot.esm.js" {
    import uPlot from "uplot";
    export default uPlot;
}
declare module "*/vendor/sha256.umd.min.js";
