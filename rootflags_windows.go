package rootbound

import "os"

const rootFlags = os.O_RDONLY
