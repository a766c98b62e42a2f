//! A download: prepared by the console, so that it goes straight to disk.

import { useState } from "preact/hooks";
import { download } from "../api/client.ts";
import { type Failure, failureOf } from "../api/failure.ts";
import { Icon } from "./icon.tsx";

interface Props {
  /** Below `/api/v1`. */
  path: string;
  /** The name of the file. */
  name?: string;
  /** It came from an endpoint as it is, and may be malware. */
  isFile?: boolean;
  label?: string;
}

/** A button that downloads. */
export function DownloadButton({ path, name, isFile, label }: Props) {
  const [failure, setFailure] = useState<Failure>();
  const start = () => {
    setFailure(undefined);
    download(path, name).catch((error: unknown) => setFailure(failureOf(error)));
  };
  const title = failure
    ? `${failure.what}: ${failure.why}`
    : isFile
      ? "Download; it may be malware"
      : "Download";
  return (
    <button
      type="button"
      class={label ? "" : "bare"}
      onClick={start}
      title={title}
      aria-label={label ?? title}
    >
      <Icon name={failure ? "alert" : "download"} />
      {label}
    </button>
  );
}
