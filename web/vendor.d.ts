// Types of the library that is copied to vendor/ when the site is built.
declare module "*/vendor/uPlot.esm.js" {
    import uPlot from "uplot";
    export default uPlot;
}
