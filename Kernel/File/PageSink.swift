// A page as the place that a read of a file fills.

import FileSystem
import Storage

/// Fills a page from its start; the caller's reference keeps the page.
struct PageSink: ByteSink {
    private let page: PhysicalAddress
    private var position = 0

    init(_ page: PhysicalAddress) { self.page = page }

    mutating func take(_ source: RawSpan) -> Bool {
        guard source.byteCount <= Int(pageSize) - position else { return false }
        let position = position
        Pages.withBytes(of: page) { $0.copy(source, to: position) }
        self.position += source.byteCount
        return true
    }
}
