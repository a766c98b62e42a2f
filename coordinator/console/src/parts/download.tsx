//! A download: prepared by the console, so that it goes straight to disk.

import { useState } from "preact/hooks";
import { download } from "../api/client.ts";
import { type Failure, failureOf } from "../api/failure.ts";
import { Icon } from "./icon.tsx";

/** The password of archives: a convention, so that nothing scans or starts what is in them. */
const ARCHIVE_PASSWORD = "infected";

interface Props {
  /** Below `/api/v1`. */
  path: string;
  /** The name of the file. */
  name?: string;
  /** It came from an endpoint as it is, and may be malware. */
  isFile?: boolean;
  label?: string;
  /** What it downloads, where the label does not say so. */
  title?: string;
}

/** A button that downloads. */
export function DownloadButton({ path, name, isFile, label, title: given }: Props) {
  const [failure, setFailure] = useState<Failure>();
  const start = () => {
    setFailure(undefined);
    download(path, name).catch((error: unknown) => setFailure(failureOf(error)));
  };
  const title = failure
    ? `${failure.what}: ${failure.why}`
    : (given ?? (isFile ? "Download; it may be malware" : "Download"));
  return (
    <button
      type="button"
      class={label ? "" : "bare"}
      onClick={start}
      title={title}
      aria-label={given ?? label ?? title}
    >
      <Icon name={failure ? "alert" : "download"} />
      {label}
    </button>
  );
}

/** Says how files of endpoints are given. */
export function FileNotice() {
  return (
    <p class="quiet">
      Files may be malware: they are downloaded under their digest and never opened here. The password of ZIP
      archives is <code>{ARCHIVE_PASSWORD}</code>.
    </p>
  );
}

/** Downloads a file of an endpoint: as an archive with a password, or as it is. */
export function FileButtons({ path, sha256 }: { path: string; sha256: string }) {
  const name = sha256.slice(0, 16);
  return (
    <>
      <DownloadButton
        path={`${path}?format=zip`}
        name={`${name}.zip`}
        label="ZIP"
        title={`Download as a ZIP archive with the password ${ARCHIVE_PASSWORD}`}
      />
      <DownloadButton path={path} name={`${name}.bin`} isFile />
    </>
  );
}
