// Pages that are kept only while memory is plenty: of blocks of the disk, of packets, of kernel stacks that no process
// uses. When no page is free, they are given back.

import Machine
import Storage
import Synchronization

/// One per use of pages that gives some back.
private struct PageSource {
    /// Pages that it would give back.
    let count: @convention(c) () -> Int
    /// Gives some back; false when it has none to give. Called with any lock held that comes before the page
    /// magazines.
    let giveBack: @convention(c) () -> Bool
}

enum PageSources {
    private static let sources: [4 of AtomicRef<PageSource>] = [AtomicRef(), AtomicRef(), AtomicRef(), AtomicRef()]

    /// Adds a source, to be asked after those that are there. Only during start-up.
    static func add(count: @escaping @convention(c) () -> Int, giveBack: @escaping @convention(c) () -> Bool) {
        for index in 0..<4 where sources[index].load() == nil {
            return sources[index].store(BootMemory.make(PageSource(count: count, giveBack: giveBack)))
        }
        panic("more sources of pages than places for them")
    }

    /// Pages that can be given back.
    static var count: Int {
        var sum = 0
        for index in 0..<4 { sum += sources[index].load()?.value.count() ?? 0 }
        return sum
    }

    /// Makes a source give pages back; false when none has any.
    @inline(never)
    static func giveBack() -> Bool {
        for index in 0..<4 where sources[index].load()?.value.giveBack() == true { return true }
        return false
    }
}

extension Pages {
    /// Free pages in all, with those that are kept only while there are enough: exact when nothing is taken or given
    /// back meanwhile.
    static var freeCount: Int { max(0, unclaimed.load(ordering: .relaxed)) + PageSources.count }

    /// Whether the running thread can take a page now; what is kept for speed is given back for that. Not by its count,
    /// which may be more than can be given back at the moment.
    static func makeOneAvailable() -> Bool {
        while unclaimed.load(ordering: .relaxed) <= Int(thisHart.value.page_reserve) {
            guard PageSources.giveBack() else { return false }
        }
        return true
    }

    /// Whether the running thread may take so many pages: an estimate, as pages that are given back may be fewer.
    static func areAvailable(_ count: Int) -> Bool {
        let wanted = count + Int(thisHart.value.page_reserve)
        let left = unclaimed.load(ordering: .relaxed)
        return wanted <= left || wanted <= left + PageSources.count
    }
}
