/* How work is claimed, leased, fenced, reported and reaped, small enough to be searched completely.
 *
 * An atomic block is one database transaction. Workers die at any point (CRASHES in all), or their
 * lease lapses while their connection stands (LAPSES in all): they go on later, or never.
 *
 * test_claim.py searches it as it is, and once with each of these, which must be found wanting:
 *   NOFENCE    a report counts whatever was lent to others meanwhile
 *   NOREAP     nobody takes back the work of the dead
 *   NOLEASE    work is taken back from the living as well
 *   LOCKONLY   only a lost connection counts as death, a lapsed lease does not
 *   EARLYACK   a step is completed by its claim, before it is carried out
 *   GHOST      work is lent to a session that has been reaped
 */
#define TASKS 2
#define WORKERS 3
#define CAPACITY 1
#define CRASHES 2
#define LAPSES 1
#define ATTEMPTS 4

mtype = { ready, running, completed, failed };

mtype state[TASKS] = ready;
byte fence[TASKS];        /* of the newest claim, which is also the number of attempts */
byte holder[TASKS];
byte effects[TASKS];      /* what the outside world has seen */
byte completions[TASKS];
byte slots;               /* of CAPACITY, held */

bool is_open[WORKERS];    /* the session's row */
bool is_locked[WORKERS];  /* its advisory lock: held as long as its connection lives */
bool is_leased[WORKERS];
byte crashes, lapses;

#define IS_OVER(t) (state[t] == completed || state[t] == failed)

inline open_session(w) {
    is_open[w] = true; is_locked[w] = true; is_leased[w] = true
}

inline give_back(t) {
    slots--;
    if
    :: fence[t] < ATTEMPTS -> state[t] = ready
    :: else -> state[t] = failed
    fi
}

inline claim(t) {
    state[t] = running; holder[t] = me; fence[t]++; task = t; mine = fence[t]; slots++;
    assert(slots <= CAPACITY);
#ifdef EARLYACK
    state[t] = completed; completions[t]++; slots--
#endif
}

inline report() {
    if
#ifdef NOFENCE
    :: state[task] == running ->
#else
    :: state[task] == running && holder[task] == me && fence[task] == mine ->
#endif
        assert(mine == fence[task]);
        state[task] = completed; completions[task]++; slots--;
        assert(completions[task] == 1 && effects[task] >= 1)
    :: else  /* refused */
    fi
}

#ifdef GHOST
#define MAY_CLAIM true
#else
#define MAY_CLAIM is_open[me]
#endif

#define FAULTS(here) \
    :: atomic { crashes < CRASHES -> crashes++; is_locked[me] = false; goto dead } \
    :: atomic { lapses < LAPSES && is_leased[me] -> lapses++; is_leased[me] = false; goto here } \
    :: atomic { lapses < LAPSES && is_leased[me] -> lapses++; is_leased[me] = false; goto end_hung }

proctype worker(byte me) {
    byte task, mine;

dead:  /* its successor has the same number, once the session is gone */
    atomic { !is_open[me] -> open_session(me) };

idle:
    if
    :: atomic { MAY_CLAIM && state[0] == ready && slots < CAPACITY -> claim(0) }
    :: atomic { MAY_CLAIM && state[1] == ready && slots < CAPACITY -> claim(1) }
    :: atomic { !is_open[me] -> open_session(me); goto idle }
    :: atomic { IS_OVER(0) && IS_OVER(1) -> goto end }
    FAULTS(idle)
    fi;

working:
    if
    :: effects[task]++
    FAULTS(working)
    fi;

reporting:
    if
    :: atomic { report(); task = 0; mine = 0; goto idle }
    FAULTS(reporting)
    fi;

end_hung:
    false;
end:
    skip
}

#ifdef NOLEASE
#define IS_DEAD(w) true
#else
#ifdef LOCKONLY
#define IS_DEAD(w) (!is_locked[w])
#else
#define IS_DEAD(w) (!is_locked[w] || !is_leased[w])
#endif
#endif

inline reap(w) {
    if
    :: state[0] == running && holder[0] == w -> give_back(0)
    :: else
    fi;
    if
    :: state[1] == running && holder[1] == w -> give_back(1)
    :: else
    fi;
    is_open[w] = false; is_locked[w] = false; is_leased[w] = false
}

/* Every session does this; one process stands for them all. */
proctype reaper() {
end:
    do
    :: atomic { is_open[0] && IS_DEAD(0) -> reap(0) }
    :: atomic { is_open[1] && IS_DEAD(1) -> reap(1) }
    :: atomic { is_open[2] && IS_DEAD(2) -> reap(2) }
    od
}

init {
    atomic {
        run worker(0); run worker(1); run worker(2);
#ifndef NOREAP
        run reaper()
#endif
    }
}

#define DONE_ONCE(t) (state[t] != completed || (completions[t] == 1 && effects[t] >= 1))
#define IN_BOUNDS(t) (effects[t] <= fence[t] && fence[t] <= 1 + crashes + lapses)

ltl safety { [] (DONE_ONCE(0) && DONE_ONCE(1) && IN_BOUNDS(0) && IN_BOUNDS(1)) }
ltl liveness { <> (IS_OVER(0) && IS_OVER(1)) }
