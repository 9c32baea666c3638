/** Entry of the service `flights_availability`. */
import { main } from "@perigee/platform/program"
import { flightsAvailability } from "./service.ts"

main(flightsAvailability)
