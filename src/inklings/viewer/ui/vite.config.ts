import { defineConfig } from "vite";

// Everything is one page that a strict content security policy allows: no inline script or style.
export default defineConfig({
  base: "/",
  build: {
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 4000,
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    target: "es2022",
  },
});
