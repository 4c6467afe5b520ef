// Bundlers can put a model file into the program. With esbuild, `--loader:.safetensors=binary` makes it a
// Uint8Array. With wrangler, the tool of Cloudflare Workers, a rule of the type "Data" makes it an
// ArrayBuffer. `Predictor.load` takes both.

declare module "*.safetensors" {
  const bytes: Uint8Array | ArrayBuffer;
  export default bytes;
}
