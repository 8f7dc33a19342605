import { defineConfig } from "@playwright/test";
import { hookshopDemo } from "./hookshop";

export default defineConfig({
  fullyParallel: true,
  workers: 2,
  webServer: hookshopDemo(),
});
