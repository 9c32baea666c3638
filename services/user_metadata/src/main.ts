/** Entry of the service `user_metadata`. */
import { main } from "@perigee/platform/program"
import { userMetadata } from "./service.ts"

main(userMetadata)
