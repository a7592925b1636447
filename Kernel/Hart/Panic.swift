// The end, for every room: where a check fails, `panic` names it. Kernel/Trap/PanicReport.swift writes the report.

import Machine

/// Stops the machine because the kernel found itself wrong. Every reason is unique, so that it can be found in the
/// source.
func panic(_ reason: StaticString) -> Never {
    unsafe report_panic(reason.utf8Start, UInt64(reason.utf8CodeUnitCount))  // the text is a constant of the program
}
