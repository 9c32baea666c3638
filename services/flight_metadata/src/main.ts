/** Entry of the service `flight_metadata`. */
import { main } from "@perigee/platform/program"
import { flightMetadata } from "./service.ts"

main(flightMetadata)
