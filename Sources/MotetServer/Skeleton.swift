import Hummingbird
import HummingbirdTLS
import Metrics
import Tracing
import MotetServing
func skeleton() -> Router<BasicRequestContext> { Router() }
