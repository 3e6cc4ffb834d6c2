#!/usr/bin/env escript
%%! +S 1:1
%% Runs scenarios on Erlang's own supervisor: one term per line in, one line of observations out.
%%
%% With one scheduler, what a process sends before something else happens arrives before it: the log is in causal order.
%% Nothing here waits for time to pass.
-module(otp).
-mode(compile).
-export([main/1, init/1, start_supervisor/2, start_worker/3, begin_worker/3]).

%% The bound of each wait. It is reached only if something is wrong.
-define(BOUND, 10000).

main(_) ->
    ok = logger:set_primary_config(level, none),
    serve().

serve() ->
    case io:get_line("") of
        eof ->
            ok;
        Line ->
            {ok, Tokens, _} = erl_scan:string(Line),
            {ok, Scenario} = erl_parse:parse_term(Tokens),
            {Pid, Monitor} = spawn_monitor(fun() -> exit({told, run(Scenario)}) end),
            Told =
                receive
                    {'DOWN', Monitor, process, Pid, {told, Steps}} -> lists:join(";", Steps);
                    {'DOWN', Monitor, process, Pid, Wrong} -> io_lib:format("wrong: ~0p", [Wrong])
                end,
            io:put_chars([Told, "\n"]),
            serve()
    end.

%% ---------------------------------------------------------------------------------------------------------------------
%% A scenario: the observations of its start, of each of its steps, and of its stop.

run({Root, Scripts, Steps}) ->
    process_flag(trap_exit, true),
    Table = ets:new(table, [public]),
    Log = spawn_link(fun() -> log(#{}, [], none) end),
    Env = #{log => Log, table => Table},
    [script(Env, Id, Outcomes) || {script, Id, Outcomes} <- Scripts],
    case start_supervisor(Env, Root) of
        {ok, Pid} ->
            World = Env#{root => {element(2, Root), Pid}, supervisors => #{}, nodes => #{}},
            {Line, World1} = observe("ok", World),
            steps(Steps, World1, [Line]);
        {error, Reason} ->
            [[failed_path(Reason), "|", events(take(Env, [])), "|-"]]
    end.

failed_path({shutdown, {failed_to_start_child, Id, Reason}}) -> ["failed:", name(Id), failed_below(Reason)];
failed_path(Other) -> io_lib:format("refused:~0p", [Other]).

failed_below({shutdown, {failed_to_start_child, Id, Reason}}) -> ["/", name(Id), failed_below(Reason)];
failed_below(_) -> "".

steps(_, #{ended := _}, Lines) ->
    lists:reverse(Lines);
steps([], World = #{root := {_, Pid}}, Lines) ->
    exit(Pid, shutdown),
    receive {'EXIT', Pid, Reason} -> self() ! {'EXIT', Pid, Reason} after ?BOUND -> exit(the_root_does_not_stop) end,
    {Line, _} = observe("ok", World),
    lists:reverse([Line | Lines]);
steps([{script, Id, Outcomes} | Steps], World, Lines) ->
    script(World, Id, Outcomes),
    steps(Steps, World, Lines);
steps([Step | Steps], World, Lines) ->
    {Line, World1} = observe(step(Step, World), World),
    steps(Steps, World1, [Line | Lines]).

script(#{table := Table}, Id, Outcomes) ->
    ets:insert(Table, {{script, Id}, Outcomes}).

step({crash, Id, Why}, World) ->
    case up(Id, World) of
        none -> "skip";
        Pid -> crash(Pid, Why), "ok"
    end;
step({burst, Supervisor, Victims}, World = #{table := Table}) ->
    ets:match_delete(Table, {{script, '_'}, '_'}),
    case up(Supervisor, World) of
        none ->
            "skip";
        Pid ->
            %% It finds all of the ends in its mailbox, in this order.
            erlang:suspend_process(Pid),
            [crash(Victim, Why) || {Id, Why} <- Victims, Victim <- [up(Id, World)], Victim =/= none],
            erlang:resume_process(Pid),
            "ok"
    end;
step({start, Supervisor, {worker, Id, _, _, _, Stop} = Worker}, World) ->
    ask(Supervisor, World, fun(Pid, Kind) ->
        case {Kind, up(Id, World)} of
            {dynamic, none} -> supervisor:start_child(Pid, [Id, Stop]);
            {dynamic, _} -> skip;
            {static, _} -> by_hand(World, Pid, Id, supervisor:start_child(Pid, spec(World, Worker)))
        end
    end);
step({replace, Supervisor, {worker, Id, Restart, _, _, _} = Worker}, World) ->
    ask(Supervisor, World, fun(Pid, static) ->
        Listed = [Name || {Name, _, _, _} <- lists:reverse(supervisor:which_children(Pid))],
        case {up(Id, World), lists:member(Id, Listed)} of
            {none, _} when Restart =:= temporary -> skip;
            {_, false} -> {error, not_found};
            {_, true} -> replace(World, Pid, Supervisor, Listed, Worker)
        end
    end);
step({Ask, Supervisor, Id}, World) ->
    ask(Supervisor, World, fun(Pid, Kind) ->
        case {Ask, Kind, up(Id, World)} of
            {terminate, dynamic, none} -> skip;
            {terminate, dynamic, Child} -> supervisor:terminate_child(Pid, Child);
            {terminate, static, _} -> supervisor:terminate_child(Pid, Id);
            {restart, static, _} -> supervisor:restart_child(Pid, Id);
            {delete, static, _} -> supervisor:delete_child(Pid, Id)
        end
    end).

ask(Supervisor, World = #{table := Table}, Question) ->
    case up(Supervisor, World) of
        none ->
            "not_running";
        Pid ->
            [{_, Kind}] = ets:lookup(Table, {kind, Supervisor}),
            case Question(Pid, Kind) of
                ok -> "ok";
                skip -> "skip";
                {ok, undefined} -> "ignored";
                {ok, _} -> "ok";
                {error, {already_started, _}} -> "already_started";
                {error, Known} when
                    Known =:= already_present; Known =:= not_found; Known =:= running; Known =:= restarting ->
                    atom_to_list(Known);
                {error, _} -> "failed"
            end
    end.

%% Added by a caller: the module does not know of it.
by_hand(#{table := Table}, Pid, Id, Started) ->
    case Started of
        {ok, _} -> ets:insert(Table, {{by_hand, Pid, Id}});
        _ -> ok
    end,
    Started.

%% New code, that gives another spec for one of the children.
replace(World = #{table := Table}, Pid, Supervisor, Listed, {worker, Id, _, _, _, _} = Worker) ->
    Specs = [
        case Name of
            Id -> spec(World, Worker);
            _ -> present(Pid, Name)
        end
     || Name <- Listed
    ],
    ets:member(Table, {by_hand, Pid, Id}) orelse ets:insert(Table, {{replaced, Supervisor, Id}, Worker}),
    ets:insert(Table, {{change, Pid}, Specs}),
    ok = sys:suspend(Pid),
    Changed = sys:change_code(Pid, ?MODULE, undefined, []),
    ok = sys:resume(Pid),
    Changed.

%% Of a temporary child, the arguments are forgotten: there is no other start.
present(Pid, Name) ->
    case supervisor:get_childspec(Pid, Name) of
        {ok, Spec = #{start := {Module, Function, undefined}}} -> Spec#{start := {Module, Function, []}};
        {ok, Spec} -> Spec
    end.

crash(Pid, Why) ->
    Monitor = monitor(process, Pid),
    case Why of
        kill -> exit(Pid, kill);
        _ -> Pid ! {stop, Why}
    end,
    receive {'DOWN', Monitor, process, Pid, _} -> ok after ?BOUND -> exit(it_does_not_end) end.

up(Id, #{nodes := Nodes}) -> maps:get(Id, Nodes, none).

%% ---------------------------------------------------------------------------------------------------------------------
%% What there is, once the whole tree is quiet.

observe(Result, World) ->
    case quiet(World, none, 0) of
        {ended, Reason} ->
            {[Result, "|", events(take(World, [])), "|ended:", class(Reason)], World#{ended => Reason}};
        {Text, Nodes, Workers, Supervisors} ->
            Events = events(take(World, Workers)),
            Known = maps:get(supervisors, World),
            Renewed = [
                [name(Id), " "]
             || {Id, Pid} <- lists:sort(maps:to_list(Supervisors)), maps:get(Id, Known, Pid) =/= Pid
            ],
            World1 = World#{nodes => Nodes, supervisors => maps:merge(Known, Supervisors)},
            {[Result, "|", Events, "|", Text, " renewed:", Renewed], World1}
    end.

%% Each call is answered after what the supervisor has been sent before. Quiet is what looks the same twice.
quiet(_, _, 10000) ->
    exit(it_is_never_quiet);
quiet(World = #{root := {Id, Root}}, Before, Turn) ->
    case catch walk(World, Id, Root) of
        {found, Found} when Found =:= Before ->
            {Text, Nodes} = Found,
            Workers = [Pid || {_, worker, Pid} <- Nodes],
            Supervisors = maps:from_list([{Name, Pid} || {Name, supervisor, Pid} <- Nodes]),
            {Text, maps:from_list([{Name, Pid} || {Name, _, Pid} <- Nodes]), Workers, Supervisors};
        {found, Found} ->
            quiet(World, Found, Turn + 1);
        _ ->
            case is_process_alive(Root) of
                true -> quiet(World, none, Turn + 1);
                false -> receive {'EXIT', Root, Reason} -> {ended, Reason} after ?BOUND -> exit(no_end) end
            end
    end.

walk(World = #{table := Table}, Id, Pid) ->
    [{_, Kind}] = ets:lookup(Table, {kind, Id}),
    Listed = supervisor:which_children(Pid),
    Counts = supervisor:count_children(Pid),
    Found = [
        case {Type, Child} of
            {_, undefined} -> {[name(Name), "-"], []};
            {_, restarting} -> throw(again);
            {worker, _} ->
                is_process_alive(Child) orelse throw(again),
                Known = known(Kind, Table, Name, Child),
                {[name(Known), "+"], [{Known, worker, Child}]};
            {supervisor, _} ->
                {found, Below} = walk(World, Name, Child),
                Below
        end
     || {Name, Child, Type, _} <- lists:reverse(Listed)
    ],
    Sorted = case Kind of dynamic -> lists:sort(Found); static -> Found end,
    [Specs, Active, Supervisors, Workers] =
        [proplists:get_value(What, Counts) || What <- [specs, active, supervisors, workers]],
    Count = io_lib:format("~p/~p/~p", [case Kind of dynamic -> Workers; static -> Specs end, Active, Supervisors]),
    Text = [name(Id), "+", Count, "[", lists:join(" ", [Part || {Part, _} <- Sorted]), "]"],
    {found, {lists:flatten(Text), [{Id, supervisor, Pid} | lists:append([Nodes || {_, Nodes} <- Found])]}}.

known(static, _, Name, _) -> Name;
known(dynamic, Table, _, Pid) -> ets:lookup_element(Table, {pid, Pid}, 2).

%% ---------------------------------------------------------------------------------------------------------------------
%% The log: what has begun and ended, in order.

log(Live, Events, {From, Expected}) when is_list(Expected) ->
    case lists:sort(maps:keys(Live)) =:= lists:sort(Expected) of
        true ->
            From ! {log, lists:reverse(Events)},
            log(Live, [], none);
        false ->
            hear(Live, Events, {From, Expected})
    end;
log(Live, Events, none) ->
    hear(Live, Events, none).

hear(Live, Events, Asked) ->
    receive
        {init, Pid, Id, Outcome} ->
            Sign = case Outcome of ok -> $+; ignore -> $?; _ -> $! end,
            Live1 =
                case Outcome of
                    ok -> monitor(process, Pid), Live#{Pid => Id};
                    _ -> Live
                end,
            Pid ! logged,
            log(Live1, [[Sign, name(Id)] | Events], Asked);
        {'DOWN', _, process, Pid, Reason} ->
            {Id, Live1} = maps:take(Pid, Live),
            log(Live1, [[$-, name(Id), $:, class(Reason)] | Events], Asked);
        {take, From, Expected} ->
            log(Live, Events, {From, Expected})
    end.

%% What has happened since the last time, once exactly these are alive.
take(#{log := Log}, Workers) ->
    Log ! {take, self(), Workers},
    receive {log, Events} -> Events after ?BOUND -> exit(somebody_is_left_behind) end.

events(Events) -> lists:join(" ", Events).

class(normal) -> "normal";
class(shutdown) -> "shutdown";
class({shutdown, _}) -> "shutdown_with";
class(killed) -> "killed";
class(_) -> "crash".

name(Id) -> atom_to_list(Id).

%% ---------------------------------------------------------------------------------------------------------------------
%% Supervisors and workers.

start_supervisor(Env, Node) -> supervisor:start_link(?MODULE, {Env, Node}).

init({Env = #{table := Table}, {dynamic, Id, Budget, _, _, Restart, Shutdown}}) ->
    ets:insert(Table, {{kind, Id}, dynamic}),
    Flags = #{strategy => simple_one_for_one, intensity => Budget, period => 3600},
    Worker = #{
        id => worker,
        start => {?MODULE, start_worker, [maps:with([log, table], Env)]},
        restart => Restart,
        shutdown => Shutdown
    },
    {ok, {Flags, [Worker]}};
init({Env = #{table := Table}, {supervisor, Id, Budget, _, _, Strategy, Auto, Children}}) ->
    ets:insert(Table, {{kind, Id}, static}),
    Flags = #{strategy => Strategy, intensity => Budget, period => 3600, auto_shutdown => Auto},
    case ets:take(Table, {change, self()}) of
        [{_, Specs}] -> {ok, {Flags, Specs}};
        [] -> {ok, {Flags, [spec(Env, last(Table, Id, Child)) || Child <- Children]}}
    end.

%% The last that it was said to be.
last(Table, Supervisor, {worker, Id, _, _, _, _} = Worker) ->
    case ets:lookup(Table, {replaced, Supervisor, Id}) of
        [{_, Replaced}] -> Replaced;
        [] -> Worker
    end;
last(_, _, Node) -> Node.

spec(World, {worker, Id, Restart, Significant, Shutdown, Stop}) ->
    Env = maps:with([log, table], World),
    #{
        id => Id,
        start => {?MODULE, start_worker, [Env, Id, Stop]},
        restart => Restart,
        significant => Significant,
        shutdown => Shutdown
    };
spec(World, Node) ->
    Env = maps:with([log, table], World),
    #{
        id => element(2, Node),
        start => {?MODULE, start_supervisor, [Env, Node]},
        restart => element(4, Node),
        significant => element(5, Node),
        shutdown => infinity,
        type => supervisor
    }.

start_worker(Env, Id, Stop) -> proc_lib:start_link(?MODULE, begin_worker, [Env, Id, Stop]).

begin_worker(#{log := Log, table := Table}, Id, Stop) ->
    Outcome =
        case ets:lookup(Table, {script, Id}) of
            [{_, [Next | Later]}] -> ets:insert(Table, {{script, Id}, Later}), Next;
            _ -> ok
        end,
    ets:insert(Table, {{pid, self()}, Id}),
    Log ! {init, self(), Id, Outcome},
    receive logged -> ok end,
    case Outcome of
        ok ->
            process_flag(trap_exit, Stop =/= obey),
            proc_lib:init_ack({ok, self()}),
            work(Stop);
        ignore ->
            proc_lib:init_ack(ignore);
        fail ->
            exit(failed);
        panic ->
            error(failed)
    end.

work(Stop) ->
    receive
        {stop, crash} -> exit(crash);
        {stop, panic} -> error(crash);
        {stop, shutdown_with} -> exit({shutdown, a_reason});
        {stop, Reason} -> exit(Reason);
        {'EXIT', _, shutdown} when Stop =:= stubborn -> work(Stop);
        {'EXIT', _, shutdown} when Stop =:= crash -> exit(crash);
        {'EXIT', _, Reason} -> exit(Reason)
    end.
