/** What `--help` prints. */
import { DEFAULT_BASE_URL } from "./neows.ts"
import { DEFAULT_OUTPUT, NUMBERS } from "./settings.ts"

const { page, size, timeout, retries, "max-wait": maxWait } = NUMBERS

export const HELP = `get-data: one page of NASA's near-Earth-object catalogue (NeoWs “Browse”), safely on disk.

Usage: get-data [flags]

  --page N            NEOWS_PAGE      zero-based page, ${page.min} to ${page.max} (${page.fallback})
  --size N            NEOWS_SIZE      objects a page, ${size.min} to ${size.max} (${size.fallback})
  --output FILE       NEOWS_OUTPUT    file, s3://bucket/key, or - for stdout (${DEFAULT_OUTPUT})
  --base-url URL      NEOWS_BASE_URL  origin, may have a path prefix (${DEFAULT_BASE_URL})
  --timeout SECONDS   NEOWS_TIMEOUT   one attempt, connect to last byte, ${timeout.min} to ${timeout.max} (${timeout.fallback})
  --retries N         NEOWS_RETRIES   further attempts after the first, ${retries.min} to ${retries.max} (${retries.fallback})
  --max-wait SECONDS  NEOWS_MAX_WAIT  longest Retry-After to sit out, ${maxWait.min} to ${maxWait.max} (${maxWait.fallback})
  --summary           a table of the page's objects, on stderr
  --quiet             no report, warnings or retry notices; errors still show
  --verbose           with an error, its cause and stack
  --help, --version

The API key is never a flag, which every process could read. It is NASA_API_KEY, or the content of the file
NASA_API_KEY_FILE, or else DEMO_KEY (30 requests an hour). Get one at https://api.nasa.gov.
A flag beats its variable; an empty variable counts as unset; numbers are plain decimal digits.
s3:// takes AWS_REGION, AWS_ENDPOINT_URL_S3, and its credentials from the task's role or AWS_ACCESS_KEY_ID and its like.
HTTPS_PROXY, NO_PROXY, NODE_EXTRA_CA_CERTS and NO_COLOR work as usual.

Exit codes:
    0  the page is written
   64  bad flag or value
   65  the answer is not the NeoWs page asked for
   66  page past the end
   69  API unreachable, failing after all attempts, refusing the request, or redirecting
   70  a defect of get-data itself
   73  output cannot be written
   75  rate limit used up and not waited out
   77  key rejected
   78  key unusable, or its file unreadable or empty
  130, 143  interrupted, terminated; no partial file
`
